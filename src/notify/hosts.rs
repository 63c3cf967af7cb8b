//! How many deliveries go to one shop at a time, so that a slow shop takes nobody's place but its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Places per shop, by `host:port`.
#[derive(Clone)]
pub(super) struct Hosts {
    taken: Arc<Mutex<HashMap<String, usize>>>,
    most: usize,
}

/// A place that is given back when it is dropped.
pub(super) struct Place {
    hosts: Hosts,
    host: String,
}

impl Hosts {
    pub(super) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// A place at that shop, where one is free.
    pub(super) fn take(&self, host: String) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(host.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { hosts: self.clone(), host })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.hosts.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_has_its_places_and_takes_no_others() {
        let hosts = Hosts::new(2);
        let places = [hosts.take("a:80".to_owned()), hosts.take("a:80".to_owned())];
        assert!(places.iter().all(Option::is_some));
        assert!(hosts.take("a:80".to_owned()).is_none());
        assert!(hosts.take("b:80".to_owned()).is_some());
        drop(places);
        assert!(hosts.take("a:80".to_owned()).is_some());
        assert!(hosts.taken.lock().expect("not poisoned").is_empty());
    }
}
