//! `credential_process` programs of AWS profiles: they are killed when no caller waits for them.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use s1crets_testbed::unique;

use crate::{subprocess::Child, support::Aws};

/// A profile whose program notes its number, and that of one that it started.
fn slow(child: &Child) -> String {
    let [own, other] = ["own", "other"].map(|name| child.path(name).display().to_string());
    // Quiet, so that no closed pipe ends it.
    let program = format!("echo $$ > {own}; sh -c 'echo $$ > {other}; exec sleep 300' & sleep 300; exit 1");
    let script = child.path("script");
    fs::write(&script, program).unwrap();
    format!("credential_process = sh {}", script.display())
}

fn is_running(file: &Path) -> bool {
    let number = fs::read_to_string(file).expect("it was started");
    let status = fs::read_to_string(format!("/proc/{}/status", number.trim())).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_credential_process_that_takes_too_long_is_ended_with_all_that_it_started() {
    let mut child = Child::new().with("S1CRETS_TIMEOUT", "100ms").with("S1CRETS_RETRY", "1");
    let program = slow(&child);
    let role = "[profile by-role]\nregion = us-east-1\nsource_profile = default\nrole_arn = arn:aws:iam::123456789012:role/a\n";
    child = child.with_file("AWS_CONFIG_FILE", &format!("[default]\nregion = us-east-1\n{program}\n{role}"));
    for profile in ["default", "by-role"] {
        child = child.with("AWS_PROFILE", profile);
        let began = Instant::now();
        let answer = child.get("aws.sm://x").await;
        assert!(answer.fails("timeout").contains("gave no answer in time"), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(60));
        let files = ["own", "other"].map(|name| child.path(name));
        let deadline = Instant::now() + Duration::from_secs(5);
        while files.iter().any(|file| is_running(file)) {
            assert!(Instant::now() < deadline, "{profile}: it is left running");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn the_credentials_of_a_program_are_used_for_calls_and_for_roles() {
    let aws = Aws::start().await;
    let name = unique("it/program-");
    aws.plant("aws.sm", &name, "x");
    let program =
        "credential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKIAPROGRAM\",\"SecretAccessKey\":\"s\"}'";
    let text = format!(
        "[default]\nregion = us-east-1\n{program}\n[profile by-role]\nregion = us-east-1\nsource_profile = default\n\
         role_arn = arn:aws:iam::123456789012:role/a\nexternal_id = third\nrole_session_name = nightly\n"
    );
    let child = Child::new().with("AWS_ENDPOINT_URL", aws.proxy.endpoint()).with_file("AWS_CONFIG_FILE", &text);
    assert_eq!(child.get(&format!("aws.sm://{name}")).await.text(), "x");
    assert_eq!(crate::support::signed_by(&aws.proxy.requests("GetSecretValue")[0]).0, "AKIAPROGRAM");
    let child = child.with("AWS_PROFILE", "by-role");
    assert_eq!(child.get(&format!("aws.sm://{name}")).await.text(), "x");
    let asked = &aws.proxy.requests("AssumeRole")[0];
    assert_eq!(crate::support::signed_by(asked).0, "AKIAPROGRAM");
    assert_eq!(asked.form("ExternalId").as_deref(), Some("third"));
    assert_eq!(asked.form("RoleSessionName").as_deref(), Some("nightly"));
}
