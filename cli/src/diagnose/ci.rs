//! Detects the CI system that runs the command, and whether it masks values in its log.

use std::env;

/// The variable that identifies each system, the system's name, and what happens to values in its
/// log.
const SYSTEMS: [(&str, &str, &str); 9] = [
    ("FORGEJO_ACTIONS", "Forgejo Actions", MASKED),
    ("GITHUB_ACTIONS", "GitHub Actions", MASKED),
    ("TF_BUILD", "Azure Pipelines", MASKED),
    ("BUILDKITE", "Buildkite", MASKED),
    ("TEAMCITY_VERSION", "TeamCity", UNMASKED),
    ("GITLAB_CI", "GitLab CI", UNMASKED),
    ("JENKINS_URL", "Jenkins", UNMASKED),
    ("CIRCLECI", "CircleCI", UNMASKED),
    ("CI", "a CI system", UNMASKED),
];

const MASKED: &str = "values are masked in its log before they are printed";
const UNMASKED: &str = "a job can't mask values in its log; use `s1crets run --redact`";

/// The name of the CI system, and what happens to values in its log. `None` outside of CI.
pub(crate) fn system() -> Option<(&'static str, &'static str)> {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "false");
    SYSTEMS.iter().find(|(variable, ..)| is_set(variable)).map(|(_, name, log)| (*name, *log))
}
