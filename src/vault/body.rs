//! JSON bodies, written by hand into buffers that are wiped.

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::secret::value::quote;

/// An object in the making. A serializer would leave copies of its values behind.
#[derive(Default)]
pub(crate) struct Fields(Vec<Zeroizing<String>>);

impl Fields {
    /// One more member that is a string.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        let value = quote(value);
        self.json(key, &value)
    }

    /// One more member that is a string, if it is given.
    pub(crate) fn optional(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// One more member that is JSON already.
    pub(crate) fn json(mut self, key: &str, value: &str) -> Self {
        self.0.push(join(&[&quote(key), ":", value]));
        self
    }

    /// The object's text.
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

/// A buffer for the wire that is wiped when its last user is gone.
pub(crate) fn wiped(text: Zeroizing<String>) -> Bytes {
    Bytes::from_owner(Owner(text))
}

struct Owner(Zeroizing<String>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The parts in one buffer that never moves.
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
