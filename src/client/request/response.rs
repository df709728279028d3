//! The futures of requests.

use std::{
    fmt,
    future::IntoFuture,
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::BoxFuture;

use super::{Get, GetByPath, PathExists, Update};
use crate::{
    error::Result,
    provider::{Listing, Updated},
    secret::Secret,
};

/// The future of a request.
pub struct Response<'a, T>(BoxFuture<'a, Result<T>>);

/// The future of a [`Get`]. It looks into the cache at its first poll, and is ready then if the cache
/// has the answer. So it never returns a value that was updated before it was awaited.
pub struct Read<'a> {
    /// The request, until the cache has no answer to it.
    get: Option<Get<'a>>,
    load: Option<BoxFuture<'a, Result<Secret>>>,
}

impl<'a> IntoFuture for Get<'a> {
    type Output = Result<Secret>;
    type IntoFuture = Read<'a>;

    fn into_future(self) -> Self::IntoFuture {
        Read { get: Some(self), load: None }
    }
}

impl<'a> IntoFuture for GetByPath<'a> {
    type Output = Result<Listing>;
    type IntoFuture = Response<'a, Listing>;

    fn into_future(self) -> Self::IntoFuture {
        Response::later(self.run())
    }
}

impl<'a> IntoFuture for PathExists<'a> {
    type Output = Result<bool>;
    type IntoFuture = Response<'a, bool>;

    fn into_future(self) -> Self::IntoFuture {
        Response::later(self.run())
    }
}

impl<'a> IntoFuture for Update<'a> {
    type Output = Result<Updated>;
    type IntoFuture = Response<'a, Updated>;

    fn into_future(self) -> Self::IntoFuture {
        Response::later(self.run())
    }
}

impl<'a, T> Response<'a, T> {
    fn later(future: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self(Box::pin(future))
    }
}

impl<T> Future for Response<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl Future for Read<'_> {
    type Output = Result<Secret>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.get.as_ref().and_then(Get::at_once) {
            return Poll::Ready(outcome);
        }
        if let Some(get) = self.get.take() {
            self.load = Some(Box::pin(get.run()));
        }
        match &mut self.load {
            Some(load) => load.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Read<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Read")
    }
}

impl<T> fmt::Debug for Response<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response")
    }
}
