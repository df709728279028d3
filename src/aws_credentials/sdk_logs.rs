//! Keeps the AWS SDK's own events out of the log.

use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

/// Runs a future without the events that the SDK emits in it. At the trace level these print whole
/// responses, and requests with their credentials if the environment asks for them.
pub(crate) fn without_sdk_logs<F: Future>(future: F) -> impl Future<Output = F::Output> {
    future.with_subscriber(NoSubscriber::default())
}
