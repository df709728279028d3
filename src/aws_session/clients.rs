//! The clients of one service by region: the session's own, and those that ARNs lead to.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_types::{SdkConfig, region::Region};

use super::session::Service;

/// The most other regions to keep clients for. A client is a set of settings: connections are in
/// the pool that all share.
const MOST_REGIONS: usize = 32;

pub(super) struct Clients<S: Service> {
    config: SdkConfig,
    home: S::Client,
    others: Mutex<HashMap<String, S::Client>>,
}

impl<S: Service> Clients<S> {
    /// Clients with these settings, whose region is the session's own.
    pub(super) fn new(config: SdkConfig) -> Self {
        Self { home: S::client(&config), config, others: Mutex::default() }
    }

    /// The session's own region.
    pub(super) fn home_region(&self) -> &str {
        self.config.region().map_or("", Region::as_ref)
    }

    /// The client of a region; `None` for the session's own.
    pub(super) fn of(&self, region: Option<&str>) -> S::Client {
        let Some(region) = region.filter(|region| *region != self.home_region()) else {
            return self.home.clone();
        };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = others.get(region) {
            return client.clone();
        }
        if others.len() == MOST_REGIONS {
            others.clear();
        }
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        let client = S::client(&config);
        others.insert(region.to_owned(), client.clone());
        client
    }
}
