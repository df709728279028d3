//! The fetcher's file and the CSI mount, valid and corrupt.

use std::fs;

use s1crets::{CachePolicy, Cached, GetOptions, Provider, SecretValue, UpdateOptions, providers::file::FileProvider};

use super::{
    Heard,
    detector::Marks,
    flows::{assert_silence, everything},
};

#[tokio::test]
async fn a_fetchers_file_leaves_no_trace() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let text = format!(
        r#"{{"secrets":{{"app/db":{{"type":"simple","value":"{}","password":"{}"}}}},"vault":{{"url":"u","token":"{}"}}}}"#,
        marks.mark(),
        marks.mark(),
        marks.mark()
    );
    fs::write(&file, &text).unwrap();
    let provider = FileProvider::builder(&file).open().await.unwrap();
    let value = SecretValue::json(&serde_json::json!({ "password": marks.mark() })).unwrap();
    everything(&heard, &provider, "app/db", &value).await;
    let cached = Cached::new(std::sync::Arc::new(provider.clone()), CachePolicy::default());
    everything(&heard, &cached, "app/db", &value).await;
    heard.outcome(provider.vault_token());
    heard.outcome(provider.snapshot());
    // A value that the file can't take.
    for refused in [SecretValue::text(marks.mark()), SecretValue::binary(marks.mark())] {
        heard.outcome(provider.update("app/db", &refused, &UpdateOptions::default()).await);
    }

    let mark = marks.mark();
    for broken in [
        text[..text.len() - 7].to_owned(),
        mark.clone(),
        format!("{{\"secrets\": \"{mark}\", \"vault\": {{}}}}"),
        format!(
            "{{\"secrets\": {{\"app/db\": \"{mark}\"}}, \"vault\": {{\"url\": [\"{mark}\"], \"token\": {{\"{mark}\": 1}}}}}}"
        ),
        format!("{{\"secrets\": {{\"app/db\": {{\"type\": \"simple\", \"value\": [\"{mark}\"]}}}}, \"vault\": {{}}}}"),
        format!("{{\"secrets\": {{\"app/db\": {{\"type\": \"{mark}\"}}}}}}"),
        format!("\u{feff}{{\"{mark}\"}}"),
        String::new(),
    ] {
        fs::write(&file, &broken).unwrap();
        heard.outcome(provider.reload());
        heard.show(&provider.status());
        everything(&heard, &provider, "app/db", &value).await;
        heard.outcome(provider.vault_token());
        heard.outcome(provider.vault_url());
        if let Ok(secret) = provider.get("app/db", &GetOptions::default()).await {
            heard.outcome(secret.simple());
            heard.outcome(secret.versioned());
            heard.outcome(secret.credential());
        }
        heard.outcome(FileProvider::builder(&file).with_watch(false).open().await);
    }
    assert_silence(&heard, &marks);
}

#[tokio::test]
async fn a_mount_leaves_no_trace() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("..data");
    fs::create_dir(&state).unwrap();
    let mark = marks.mark();
    for (name, text) in [
        ("whole", format!("{{\"data\": {{\"type\": \"simple\", \"value\": \"{mark}\"}}}}")),
        ("cut", format!("{{\"data\": {{\"password\": \"{mark}")),
        ("list", format!("{{\"data\": [\"{mark}\"]}}")),
        ("none", format!("{{\"{mark}\": 1}}")),
        ("text", mark.clone()),
    ] {
        fs::write(state.join(name), text).unwrap();
    }
    let provider = FileProvider::builder(folder.path()).with_watch(false).open().await.unwrap();
    for name in ["whole", "cut", "list", "none", "text", "missing"] {
        everything(&heard, &provider, name, &SecretValue::text(marks.mark())).await;
    }
    heard.outcome(provider.snapshot());
    heard.show(&provider.status());
    assert_silence(&heard, &marks);
}
