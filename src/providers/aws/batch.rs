//! Reads many names in batches, with one answer per name.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
};

use futures::{StreamExt, stream};

use crate::{
    aws_session::arn::{ArnService, Place, check_service},
    error::{Error, ErrorKind, Result},
    secret::Secret,
};

/// Returns one answer for each of `paths`, in their order. ARNs of another service are refused. Each name is loaded once, up to `size`
/// names of one region per `load`, with at most `concurrency` loads in flight. Names and ARNs of the
/// session's own region, `home`, are loaded together.
pub(crate) async fn in_batches<F>(
    paths: &[String],
    service: &ArnService,
    home: &str,
    size: usize,
    concurrency: usize,
    load: impl Fn(Vec<String>) -> F,
) -> Vec<Result<Secret>>
where
    F: Future<Output = Vec<(String, Result<Secret>)>>,
{
    let mut names = paths.to_vec();
    names.sort_unstable();
    names.dedup();
    let wrong = |name: &String| check_service(name, service).err().map(|error| (name.clone(), Err(error)));
    let mut answers: HashMap<_, _> = names.iter().filter_map(wrong).collect();
    names.retain(|name| !answers.contains_key(name));
    let mut by_region = BTreeMap::<_, Vec<_>>::new();
    for name in &names {
        let foreign = Place::of(name).map(|place| place.region).filter(|region| *region != home);
        by_region.entry(foreign).or_default().push(name.clone());
    }
    let batches: Vec<_> = by_region.values().flat_map(|names| names.chunks(size)).map(<[String]>::to_vec).collect();
    let loaded = stream::iter(batches).map(load).buffer_unordered(concurrency).flat_map(stream::iter);
    answers.extend(loaded.collect::<Vec<_>>().await);
    paths.iter().map(|path| answers.get(path).cloned().unwrap_or_else(|| Err(unanswered()))).collect()
}

/// Loads names one by one, with at most `concurrency` loads in flight.
pub(crate) async fn singly<F>(
    names: Vec<String>,
    concurrency: usize,
    load: impl Fn(String) -> F,
) -> Vec<(String, Result<Secret>)>
where
    F: Future<Output = (String, Result<Secret>)>,
{
    stream::iter(names).map(load).buffer_unordered(concurrency).collect().await
}

fn unanswered() -> Error {
    Error::new(ErrorKind::Unexpected, "AWS gave no answer for this name")
}
