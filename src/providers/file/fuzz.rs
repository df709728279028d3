//! Fuzz target: any text as a `secrets.json`.

use super::{fetcher_file::Document, python_json::python, read, snapshot::compact};
use crate::secret::{Json, json::Tree};

/// Any text is a file or is refused; what is written of it is the same file, and written the same
/// again.
pub(crate) fn fuzz(text: &str) {
    let Ok(document) = Document::parse(text) else { return };
    let Some(written) = python(document.root(), read::MAX_SIZE) else { return };
    let Ok(again) = Document::parse(&written) else { panic!("what is written can't be read") };
    assert_eq!(*python(again.root(), u64::MAX).expect("no limit"), *written);
    let [entries, same] = [&document, &again].map(|it| it.secrets().into_iter().flat_map(Json::members));
    for ((name, entry), (same_name, same)) in entries.zip(same) {
        assert_eq!((name, entry.kind()), (same_name, same.kind()));
        Tree::parse(&compact(entry.raw())).expect("an entry is JSON by itself");
    }
}
