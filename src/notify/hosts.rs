//! How many deliveries go to one shop at a time, and to all of them, so that a slow shop takes nobody's place
//! but its own, and no crowd of them takes all.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shops that are remembered to have taken their last notification; beyond these all are forgotten.
const MOST_REMEMBERED: usize = 10_000;

/// Places that are taken, and how many found none of late; halved each time one becomes free.
#[derive(Default)]
struct Places {
    taken: usize,
    refused: i64,
}

impl Places {
    /// Where all are taken: how many found none of late, for each place there is.
    fn refusal(&mut self, most: usize) -> Option<i64> {
        if self.taken < most {
            return None;
        }
        self.refused += 1;
        Some(self.refused / i64::try_from(most).unwrap_or(i64::MAX).max(1))
    }

    fn free(&mut self) {
        self.taken = self.taken.saturating_sub(1);
        self.refused /= 2;
    }
}

#[derive(Default)]
struct Shops {
    each: HashMap<String, Places>,
    all: Places,
    /// Those of shops of which nobody knows whether they answer.
    untried: Places,
    good: HashSet<String>,
}

/// Places per shop, by `host:port`.
#[derive(Clone)]
pub(super) struct Hosts {
    shops: Arc<Mutex<Shops>>,
    most_each: usize,
    most: usize,
}

/// A place that is given back when it is dropped.
pub(super) struct Place {
    hosts: Hosts,
    host: String,
    untried: bool,
}

impl Hosts {
    /// Of `attended_at_once` a quarter is left for looks, and half of the rest for shops that took their last
    /// notification: whoever may make invoices may name any number of hosts that hang.
    pub(super) fn new(most_each: usize, attended_at_once: usize) -> Self {
        Self { shops: Arc::default(), most_each, most: (attended_at_once - attended_at_once / 4).max(1) }
    }

    fn shops(&self) -> MutexGuard<'_, Shops> {
        self.shops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at that shop; where none is free, how many found none of late, for each place there is.
    pub(super) fn take(&self, host: String) -> Result<Place, i64> {
        let mut shops = self.shops();
        let untried = !shops.good.contains(&host);
        if let Some(refused) = shops.each.get_mut(&host).and_then(|shop| shop.refusal(self.most_each)) {
            return Err(refused);
        }
        if let Some(refused) = shops.all.refusal(self.most) {
            return Err(refused);
        }
        if untried {
            if let Some(refused) = shops.untried.refusal(self.most.div_ceil(2)) {
                return Err(refused);
            }
            shops.untried.taken += 1;
        }
        shops.all.taken += 1;
        shops.each.entry(host.clone()).or_default().taken += 1;
        Ok(Place { hosts: self.clone(), host, untried })
    }
}

impl Place {
    /// Gives it back, and remembers whether the shop has taken what it was sent.
    pub(super) fn end(self, has_taken: bool) {
        let mut shops = self.hosts.shops();
        if !has_taken {
            shops.good.remove(&self.host);
            return;
        }
        if shops.good.len() >= MOST_REMEMBERED {
            shops.good.clear();
        }
        shops.good.insert(self.host.clone());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shops = self.hosts.shops();
        shops.all.free();
        if self.untried {
            shops.untried.free();
        }
        if let Some(shop) = shops.each.get_mut(&self.host) {
            shop.free();
            if shop.taken == 0 {
                shops.each.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_has_its_places_and_takes_no_others() {
        let hosts = Hosts::new(2, 100);
        let places = [hosts.take("a:80".to_owned()), hosts.take("a:80".to_owned())];
        assert!(places.iter().all(Result::is_ok));
        let refused: Vec<_> = (0..5).filter_map(|_| hosts.take("a:80".to_owned()).err()).collect();
        assert_eq!(refused, [0, 1, 1, 2, 2], "the more find none, the longer they stay away");
        assert!(hosts.take("b:80".to_owned()).is_ok());
        drop(places);
        assert!(hosts.take("a:80".to_owned()).is_ok());
        let shops = hosts.shops();
        assert!(shops.each.is_empty());
        assert_eq!((shops.all.taken, shops.untried.taken), (0, 0));
    }

    #[test]
    fn a_crowd_of_hanging_names_leaves_places_for_looks_and_for_shops_that_answer() {
        let hosts = Hosts::new(4, 16);
        let place = |name: &str| hosts.take(format!("{name}:80")).ok();
        place("good").expect("free").end(true);
        let crowd: Vec<_> = (0..100).filter_map(|name| place(&name.to_string())).collect();
        assert_eq!(crowd.len(), 6, "half of three quarters");
        assert!(place("new").is_none());
        place("good").expect("it has answered before").end(false);
        assert!(place("good").is_none(), "it is one of the others now");
        drop(crowd);
        assert!(place("new").is_some());
    }
}
