//! Finds marked values in clear, base64, hex and as a list of bytes.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use s1crets_testbed::unique;

/// Texts that stand for secrets, in every form in which one could slip out.
#[derive(Default)]
pub(crate) struct Marks(Vec<String>);

impl Marks {
    /// A new mark: letters and digits alone, so that no quoting changes it.
    pub(crate) fn mark(&mut self) -> String {
        // Never the same twice in a process, in either half, and like nothing else in a log.
        let number = unique("").replace('-', "q");
        let mark = format!("kAnA{number}zrIeZ{number}x");
        self.0.extend(forms(&mark));
        mark
    }

    /// A text that is secret as it is: no other forms of it are known.
    pub(crate) fn also(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }

    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|form| text.contains(form))
    }
}

fn forms(mark: &str) -> Vec<String> {
    let bytes = mark.as_bytes();
    let hex = |width: fn(&u8) -> String| bytes.iter().map(width).collect::<String>();
    let decimal = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    // Its halves too: a message may be cut, or wrapped.
    let (first, second) = mark.split_at(mark.len() / 2);
    let mut forms = vec![first.to_owned(), second.to_owned(), decimal];
    forms.extend([hex(|byte| format!("{byte:02x}")), hex(|byte| format!("{byte:02X}"))]);
    // Inside a longer text a mark begins at any of three places of base64's groups.
    forms.extend((0..3).map(|shift| {
        let shifted = [&b"xyz"[..shift], bytes].concat();
        let encoded = BASE64_STANDARD_NO_PAD.encode(&shifted[..shifted.len() / 3 * 3]);
        let whole_groups = if shift == 0 { 0 } else { 4 };
        encoded[whole_groups..].to_owned()
    }));
    forms
}

#[test]
fn a_mark_is_found_in_every_form() {
    let mut marks = Marks::default();
    let mark = marks.mark();
    assert!(!marks.are_in("nothing of the kind"));
    let base64 = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
    for said in [
        format!("the value is {mark}."),
        mark[..mark.len() / 2 + 1].to_owned(),
        mark[mark.len() / 2 - 1..].to_owned(),
        base64(&mark),
        base64(&format!("{{\"password\":\"{mark}\"}}")),
        base64(&format!("ab{mark}cd")),
        base64(&format!("abc{mark}")),
        base64(&format!("a{mark}")),
        mark.bytes().map(|byte| format!("{byte:02x}")).collect(),
        mark.bytes().map(|byte| format!("{byte:02X}")).collect(),
        format!("{:?}", mark.as_bytes()),
        format!("Bytes {{ inner: {:?} }}", format!("x{mark}").as_bytes()),
    ] {
        assert!(marks.are_in(&said), "{said}");
    }
}
