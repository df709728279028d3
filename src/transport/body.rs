//! JSON request bodies in buffers that are wiped when dropped.

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::secret::json::quote;

/// Builds a JSON object. A serializer would leave copies of its values behind.
#[derive(Default)]
pub(crate) struct Fields(Vec<Zeroizing<String>>);

impl Fields {
    /// Adds a string member.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        let value = quote(value);
        self.json(key, &value)
    }

    /// Adds a string member, if there is a value.
    pub(crate) fn optional(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// Adds a member whose value is JSON already.
    pub(crate) fn json(mut self, key: &str, value: &str) -> Self {
        self.0.push(join(&[&quote(key), ":", value]));
        self
    }

    /// The text of the object.
    pub(crate) fn finish(self) -> Zeroizing<String> {
        let mut parts = vec!["{"];
        for (index, member) in self.0.iter().enumerate() {
            if index > 0 {
                parts.push(",");
            }
            parts.push(member);
        }
        parts.push("}");
        join(&parts)
    }
}

/// A body to send, which is wiped when its last user is gone.
pub(crate) fn wiped(text: Zeroizing<String>) -> Bytes {
    Bytes::from_owner(Owner(text))
}

struct Owner(Zeroizing<String>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Joins parts in one buffer, which never grows: growing would leave an unwiped copy behind.
fn join(parts: &[&str]) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        whole.push_str(part);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_quoted_and_joined() {
        let fields = Fields::default().text("a\"", "x\n").optional("none", None).json("n", "[1]");
        assert_eq!(*fields.finish(), r#"{"a\"":"x\n","n":[1]}"#);
        assert_eq!(*Fields::default().finish(), "{}");
    }
}
