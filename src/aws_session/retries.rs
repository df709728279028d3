//! The SDK's settings for attempts, timeouts and backoff, made of a [`RetryPolicy`].

use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use aws_smithy_types::{
    retry::{ErrorKind as RetryKind, RetryConfig, RetrySpec},
    timeout::TimeoutConfig,
};

use crate::retry::{Backoff, RetryPolicy};

/// The SDK's standard mode, with the backoff of the policy. By default, throttled calls wait longer
/// than others.
pub(super) fn retry_config(policy: RetryPolicy) -> RetryConfig {
    let usual = policy.or(RetryPolicy::default().with_backoff(Backoff::AWS)).backoff();
    let throttled = policy.or(RetryPolicy::default().with_backoff(Backoff::AWS_THROTTLED)).backoff();
    RetryConfig::standard()
        .with_max_attempts(policy.attempts().get())
        .with_initial_backoff(throttled.first())
        .with_retry_spec(RetrySpec::v2_0().with_non_throttling_initial_backoff(usual.first()))
        .with_max_backoff(throttled.longest())
}

pub(super) fn timeout_config(policy: RetryPolicy) -> TimeoutConfig {
    let timeout = policy.timeout();
    TimeoutConfig::builder()
        .connect_timeout(timeout)
        .read_timeout(timeout)
        .operation_attempt_timeout(policy.longest_attempt())
        .build()
}

/// Retries a bare HTTP 429, as load balancers send it. The SDK knows throttling by AWS's codes only.
#[derive(Debug)]
pub(crate) struct RetryTooManyRequests;

impl ClassifyRetry for RetryTooManyRequests {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(429) => RetryAction::retryable_error(RetryKind::ThrottlingError),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "HTTP 429"
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The first pause after a throttled call, that after another failure, and the longest.
    fn pauses(policy: RetryPolicy) -> [Duration; 3] {
        let config = retry_config(policy);
        let usual = config.retry_spec().expect("set").non_throttling_initial_backoff();
        [config.initial_backoff(), usual, config.max_backoff()]
    }

    #[test]
    fn a_passing_failure_waits_milliseconds_and_a_throttled_call_a_second() {
        let [millisecond, second] = [Duration::from_millis(1), Duration::from_secs(1)];
        assert_eq!(pauses(RetryPolicy::default()), [second, 50 * millisecond, 20 * second]);
        let own = RetryPolicy::default().with_backoff(Backoff::new(7 * millisecond, 9 * millisecond));
        assert_eq!(pauses(own), [7 * millisecond, 7 * millisecond, 9 * millisecond]);
    }
}
