//! How many deliveries go to one shop at a time, so that a slow shop takes nobody's place but its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Places of one shop.
#[derive(Default)]
struct Shop {
    taken: usize,
    /// How many found no place of late; halved each time one becomes free.
    refused: i64,
}

/// Places per shop, by `host:port`.
#[derive(Clone)]
pub(super) struct Hosts {
    shops: Arc<Mutex<HashMap<String, Shop>>>,
    most: usize,
}

/// A place that is given back when it is dropped.
pub(super) struct Place {
    hosts: Hosts,
    host: String,
}

impl Hosts {
    pub(super) fn new(most: usize) -> Self {
        Self { shops: Arc::default(), most }
    }

    /// A place at that shop; where none is free, how many found none of late, for each place there is.
    pub(super) fn take(&self, host: String) -> Result<Place, i64> {
        let mut shops = self.shops.lock().unwrap_or_else(PoisonError::into_inner);
        let shop = shops.entry(host.clone()).or_default();
        if shop.taken >= self.most {
            shop.refused += 1;
            return Err(shop.refused / i64::try_from(self.most).unwrap_or(i64::MAX).max(1));
        }
        shop.taken += 1;
        Ok(Place { hosts: self.clone(), host })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shops = self.hosts.shops.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shop) = shops.get_mut(&self.host) {
            shop.taken -= 1;
            shop.refused /= 2;
            if shop.taken == 0 {
                shops.remove(&self.host);
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
        assert!(places.iter().all(Result::is_ok));
        let refused: Vec<_> = (0..5).filter_map(|_| hosts.take("a:80".to_owned()).err()).collect();
        assert_eq!(refused, [0, 1, 1, 2, 2], "the more find none, the longer they stay away");
        assert!(hosts.take("b:80".to_owned()).is_ok());
        drop(places);
        assert!(hosts.take("a:80".to_owned()).is_ok());
        assert!(hosts.shops.lock().expect("not poisoned").is_empty());
    }
}
