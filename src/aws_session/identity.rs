//! The identity that AWS sees: the ARN and account of the credentials.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{
    config_bag::ConfigBag,
    date_time::{DateTime, Format},
};
use aws_types::SdkConfig;

use super::error;
use crate::{
    aws_credentials::without_sdk_logs, error::Result, provider::Identity, retry::RetryPolicy, secret::echo::Echo,
};

/// Asks STS by GetCallerIdentity, which needs no right.
pub(super) async fn ask(sts: &SdkConfig, policy: RetryPolicy, echo: &Echo) -> Result<Identity> {
    let clock = Clock::default();
    let call = aws_sdk_sts::Client::new(sts).get_caller_identity().customize().interceptor(clock.clone());
    let caller = without_sdk_logs(call.send()).await.map_err(|error| error::from_sdk(error, policy, echo))?;
    let time = *clock.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Identity::new(caller.arn().unwrap_or_default())
        .with_detail("account", caller.account().unwrap_or_default())
        .with_server_time(time))
}

/// Keeps the server's time, from the `Date` of the response.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<Mutex<Option<SystemTime>>>);

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "the server's clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let time = date.and_then(|date| SystemTime::try_from(date).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
        Ok(())
    }
}
