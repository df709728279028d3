//! Compares this machine's clock with the server's: AWS rejects requests whose time is far off.

use std::time::{Duration, SystemTime};

use s1crets::Identity;

use super::Finding;
use crate::exit::Exit;

/// Clock skew at which AWS [rejects signed
/// requests](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
const REJECTED_SKEW: Duration = Duration::from_secs(5 * 60);
/// Clock skew from which there is a warning.
const NOTABLE_SKEW: Duration = Duration::from_secs(60);

/// The finding on a provider's clock; `None` if its response had no time.
pub(super) fn check(provider: &str, identity: &Identity, now: SystemTime) -> Option<Finding> {
    let server_time = identity.server_time?;
    let skew = now.duration_since(server_time).unwrap_or_else(|error| error.duration());
    let differ = || {
        let seconds = Duration::from_secs(skew.as_secs());
        format!("this clock and the server's differ by {}", humantime::format_duration(seconds))
    };
    Some(if skew >= REJECTED_SKEW {
        Finding::fail(provider, differ(), Exit::Failed)
    } else if skew >= NOTABLE_SKEW {
        Finding::warn(provider, differ(), "set the clock: AWS rejects requests from 5 minutes on")
    } else {
        Finding::ok(provider, "the clocks agree")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_skew_warns_from_a_minute_and_fails_from_five() {
        let now = SystemTime::now();
        let token = |seconds| {
            let identity = Identity::new("x").with_server_time(now.checked_sub(Duration::from_secs(seconds)));
            check("aws.sm", &identity, now).map(|finding| finding.token())
        };
        assert_eq!(
            [0, 59, 60, 299, 300].map(token),
            [Some("ok"), Some("ok"), Some("warn"), Some("warn"), Some("fail")]
        );
        assert_eq!(check("aws.sm", &Identity::new("x"), now).map(|finding| finding.token()), None);
    }
}
