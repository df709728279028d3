//! Reading many parameters: by GetParameters, or one by one where that gives no answer.

use std::collections::HashMap;

use aws_sdk_ssm::types::Parameter;

use super::{CONCURRENCY, ParameterStore, REFERENCE, secret, selected, update::has_version, with_spelling};
use crate::{
    aws_session::error::NO_PARAMETER,
    error::{Error, ErrorKind, Result},
    options::GetOptions,
    provider::Provider,
    providers::aws::batch::singly,
    secret::Secret,
};

impl ParameterStore {
    /// One GetParameters. Names without an answer have to be read alone.
    async fn batch(&self, names: &[String], options: &GetOptions) -> Result<HashMap<String, Result<Secret>>> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let selectors: Vec<_> = names.iter().map(|name| selected(name, &options.version)).collect();
        let output = self.session.call(&names[0], options.retry_policy, |client, overrides| {
            let names = Some(selectors.clone());
            let call = client.get_parameters().set_names(names).with_decryption(options.decrypt);
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        let mut answers = HashMap::new();
        for invalid in output.invalid_parameters.unwrap_or_default() {
            if has_version(&invalid) {
                // It may be the version alone that is missing: a single read tells.
                continue;
            }
            let missing = self.session.with_place(&invalid, Error::not_found(NO_PARAMETER));
            let missing = with_spelling(&invalid, missing);
            answers.insert(invalid, Err(missing));
        }
        let (selected, plain): (Vec<_>, Vec<_>) =
            output.parameters.unwrap_or_default().into_iter().partition(|parameter| parameter.selector.is_some());
        for parameter in selected.into_iter().chain(plain) {
            let selector = parameter.selector.clone().unwrap_or_default();
            let open = selectors.iter().filter(|asked| !answers.contains_key(*asked));
            if selector.is_empty() && is_ambiguous(&parameter, open) {
                continue;
            }
            let called = [&parameter.arn, &parameter.name].into_iter().flatten();
            let keys: Vec<_> = called.map(|name| format!("{name}{selector}")).collect();
            let secret = secret(parameter);
            answers.extend(keys.into_iter().map(|key| (key, secret.clone())));
        }
        Ok(answers)
    }

    /// Reads up to [`BATCH`] names by one call, and those that it leaves open one by one.
    pub(super) async fn batch_or_single(
        &self,
        names: Vec<String>,
        options: &GetOptions,
    ) -> Vec<(String, Result<Secret>)> {
        let plain: Vec<_> = names.iter().filter(|name| !name.starts_with(REFERENCE)).cloned().collect();
        let found = match self.batch(&plain, options).await {
            Ok(found) => found,
            // One name without rights, or malformed, fails the whole batch.
            Err(error) if matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::InvalidInput) => HashMap::new(),
            Err(error) => plain.iter().map(|name| (selected(name, &options.version), Err(error.clone()))).collect(),
        };
        let answer = |name: String| async {
            let answer = match found.get(&selected(&name, &options.version)) {
                Some(answer) => answer.clone(),
                None => self.get(&name, options).await,
            };
            (name, answer)
        };
        singly(names, CONCURRENCY, answer).await
    }
}

/// Whether an answer without a selector may be a version that was asked for, and is still `open`.
/// AWS repeats the selector in each answer; some servers leave it out.
fn is_ambiguous<'a>(parameter: &Parameter, mut open: impl Iterator<Item = &'a String>) -> bool {
    let name = parameter.name.as_deref().unwrap_or_default();
    let is_it = |base: &str| {
        let of_arn = base.split_once(":parameter").map(|(_, name)| name.trim_start_matches('/'));
        base == name || parameter.arn.as_deref() == Some(base) || of_arn == Some(name.trim_start_matches('/'))
    };
    open.any(|asked| asked.rsplit_once(':').is_some_and(|(base, _)| is_it(base)))
}
