//! Secrets with a part replaced: what an update of one key writes.

use zeroize::Zeroizing;

use super::{Content, Origin, Secret, no_item, no_keys};
use crate::{
    error::{Error, Result},
    secret::{
        Json, KeyPath, Metadata, SecretValue,
        document::{NamedValues, SingleValue},
        json::ROOT,
        keypath,
    },
};

impl Secret {
    /// The whole secret with the part at `path` replaced by `value`, and every other byte as it
    /// was: what a provider writes when one key is updated. If the last step is missing in an
    /// object or a map, it is added. Of a part, `path` begins at that part, and an empty path is
    /// the part itself.
    ///
    /// # Errors
    /// [`KeyNotFound`](crate::ErrorKind::KeyNotFound) if a step before the last one leads nowhere,
    /// or the secret has no keys; [`InvalidInput`](crate::ErrorKind::InvalidInput) for bytes within
    /// JSON, for a map under a key, and if this is an array that a keypath collected from several
    /// places, or an item of a list; [`Corrupt`](crate::ErrorKind::Corrupt) if the secret begins like
    /// a JSON object or array and is not JSON.
    pub fn with_replaced(&self, path: &KeyPath, value: &SecretValue) -> Result<SecretValue> {
        match (&self.shared.document.content, &self.shared.origin) {
            (_, Origin::Copied(_)) => Err(Error::invalid_input(
                "a collected array, or an item of a list, can't be replaced by itself: start from the whole secret",
            )),
            (Content::Single(_), _) if path.is_empty() && self.node.is_none() => Ok(value.clone()),
            (Content::Map(map), Origin::Entry(index)) => self.replaced_entry(map, map.at(*index).0, path, value),
            (Content::Map(map), Origin::Whole) => match path.steps().split_first() {
                Some((name, rest)) => self.replaced_entry(map, name, &KeyPath::new(rest.to_vec()), value),
                None => Ok(value.clone()),
            },
            _ => self
                .value()
                .map_err(NamedValues::not_one_value)
                .and_then(|single| self.replaced_in(single, path, value)),
        }
    }

    /// The map with `value` at `path` in the value with this name.
    fn replaced_entry(
        &self,
        map: &NamedValues,
        name: &str,
        path: &KeyPath,
        value: &SecretValue,
    ) -> Result<SecretValue> {
        let changed = match path.is_empty() && self.node.is_none() {
            true => value.clone(),
            false => self.replaced_in(map.at(map.find(name)?).1, path, value)?,
        };
        let copy = |value: &SingleValue| match (value.is_binary(), value.as_text()) {
            (false, Some(text)) => SecretValue::text(text),
            _ => SecretValue::binary(value.bytes()),
        };
        let others = map.iter().filter(|(other, _)| *other != name).map(|(name, value)| (name, copy(value)));
        SecretValue::map(others.chain([(name, changed)]))
    }

    /// The text or bytes of `single` with `value` at `path` in its JSON.
    fn replaced_in(&self, single: &SingleValue, path: &KeyPath, value: &SecretValue) -> Result<SecretValue> {
        if let Some((index, rest)) =
            path.steps().split_first().and_then(|(step, rest)| Some((keypath::index_in_list(step)?, rest)))
            && let Some(items) = single.items()
        {
            return replaced_item(items, index, rest, value);
        }
        let (text, tree) = single.json().map_err(|why| no_keys(why, Some(single)))?;
        let from = Json::new(text, tree, self.node.unwrap_or(ROOT));
        let mut text = keypath::replace(text, from, path, &value.to_json()?)?;
        Ok(match single.is_binary() {
            true => SecretValue::binary(std::mem::take(&mut *text)),
            false => SecretValue::of_json(text),
        })
    }
}

/// A list with `value` at `index`, or within the JSON of the item there.
fn replaced_item<'a>(
    items: impl Iterator<Item = &'a str>,
    index: usize,
    rest: &[String],
    value: &SecretValue,
) -> Result<SecretValue> {
    let mut items: Vec<_> = items.map(|item| Zeroizing::new(item.to_owned())).collect();
    let count = items.len();
    let Some(item) = items.get_mut(index) else {
        return Err(no_item(index, count));
    };
    let whole = Secret::text(std::mem::take(&mut **item), Metadata::default());
    let changed = match rest.is_empty() {
        true => value.clone(),
        false => whole.with_replaced(&KeyPath::new(rest.to_vec()), value)?,
    };
    let text = changed.expose_text().filter(|text| !text.contains(','));
    let text = text.ok_or_else(|| Error::invalid_input("an item of a list is text without a comma"))?;
    *item = Zeroizing::new(text.to_owned());
    let texts: Vec<_> = items.iter().map(|item| item.as_str()).collect();
    Ok(SecretValue::text(texts.join(",")))
}
