//! Cases about versions and change reports.

use std::time::Duration;

use super::Suite;
use crate::{
    error::ErrorKind,
    options::{GetOptions, UpdateOptions, Version},
    watch::Watch,
};

impl Suite<'_> {
    pub(super) async fn old_versions_can_be_read(&self) {
        let can = self.can();
        if !(can.update && (can.version_numbers || can.version_ids)) {
            return;
        }
        let name = self.plant("versions", r#"{"v":1}"#).await;
        let first = self.get(&name).await.expect("planted");
        let first_version = first.version().expect("a version").to_owned();
        assert!(first.created().is_some());
        let updated = self.update(&name, r#"{"v":2}"#, UpdateOptions::default()).await.expect("updated");
        let second = self.get(&name).await.expect("updated");
        assert_eq!(second.version(), updated.version.as_deref());
        assert_ne!(second.version(), Some(first_version.as_str()));
        let version = match can.version_ids {
            true => Version::Id(first_version),
            false => Version::Number(first_version.parse().expect("a number")),
        };
        let again =
            self.provider.get(&name, &GetOptions::default().with_version(version)).await.expect("the first one");
        assert_eq!(again.key("v").expect("v").expose_bytes().expect("bytes"), b"1");
        let nowhere = match can.version_ids {
            true => Version::Id("00000000-0000-0000-0000-000000000000".into()),
            false => Version::Number(99),
        };
        let error =
            self.provider.get(&name, &GetOptions::default().with_version(nowhere)).await.expect_err("no version");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    }

    pub(super) async fn version_matches_get(&self) {
        let name = self.plant("probe/there", r#"{"v":1}"#).await;
        let options = GetOptions::default();
        let told = async |name: &str| self.provider.version(name, &options).await;
        let read = self.fresh(&name).await;
        assert_eq!(told(&name).await.expect("planted").as_deref(), read.version());
        let error = told(&self.name("probe/nope")).await.expect_err("no such secret");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        if !self.can().update {
            return;
        }
        self.update(&name, r#"{"v":2}"#, UpdateOptions::default()).await.expect("updated");
        let (now, updated) = (told(&name).await.expect("updated"), self.fresh(&name).await);
        assert_eq!(now.as_deref(), updated.version());
        assert!(now.is_none() || now.as_deref() != read.version(), "an update makes a version of its own");
    }

    /// Two watches of a secret that does not exist yet report when it appears and changes, and
    /// their versions show nothing of the value. A new version with the same value may be reported
    /// or not.
    pub(super) async fn every_watch_reports_changes(&self) {
        const MARK: &str = "s1crets-conformance-watched";
        let name = self.name("watch/it");
        let first = self.provider.watch(&name).await.expect("a secret to come can be watched");
        assert_eq!(first.is_some(), self.can().watch, "as the capabilities say");
        let Some(first) = first else { return };
        let mut watches = [first.clone(), self.provider.watch(&name).await.expect("again").expect("a second watch")];
        assert!(watches.iter().all(|watch| watch.version().is_none()), "there is no such secret yet");

        self.plant("watch/other", r#"{"v":1}"#).await;
        self.plant("watch/it", format!(r#"{{"v":"{MARK}"}}"#)).await;
        let mut versions = Vec::new();
        for watch in &mut watches {
            versions.push(next_version(watch).await.expect("the secret appeared"));
        }
        assert_eq!(versions[0], versions[1]);
        if self.can().update {
            self.update(&name, format!(r#"{{"v":"{MARK}-2"}}"#), UpdateOptions::default()).await.expect("updated");
            for watch in &mut watches {
                versions.push(next_version(watch).await.expect("the secret changed"));
            }
            assert_eq!(versions[2], versions[3]);
            assert_ne!(versions[0], versions[2]);
        }
        let shown = format!("{versions:?} {watches:?}");
        assert!(!shown.contains(MARK), "{shown}");
        let late = self.provider.watch(&name).await.expect("watched").expect("a third watch");
        assert_eq!(late.version().as_ref(), versions.last(), "a watch starts at the current version");
    }
}

/// Waits for the next report, and returns its version.
async fn next_version(watch: &mut Watch) -> Option<String> {
    let changed = tokio::time::timeout(Duration::from_secs(30), watch.changed()).await;
    assert!(changed.expect("a change is reported"), "the provider is still there");
    watch.version()
}
