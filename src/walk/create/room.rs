//! How many creates may be under way: in all, of one store, and with a token that stands in public HTML.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Commission, CreateError};
use crate::walk::authenticate::Dialect;

/// The places, and who has them.
pub(super) struct Room {
    places: Arc<Semaphore>,
    most_of_a_store: usize,
    stores: Arc<Mutex<HashMap<String, usize>>>,
    pos: DefaultKeyedRateLimiter<String>,
}

/// One place; given back when it is dropped.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    store_id: String,
    stores: Arc<Mutex<HashMap<String, usize>>>,
}

impl Room {
    /// One store gets three quarters at most: while its BTCPay hangs the others go on.
    pub(super) fn new(most: usize, pos_per_minute: NonZeroU32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most)),
            most_of_a_store: most - most / 4,
            stores: Arc::default(),
            pos: RateLimiter::keyed(Quota::per_minute(pos_per_minute)),
        }
    }

    /// A place for the create.
    ///
    /// # Errors
    /// [`CreateError::TooMany`]; nothing was written or sent.
    pub(super) fn take(&self, commission: &Commission) -> Result<Place, CreateError> {
        let public = commission.dialect == Dialect::PosToken.as_str();
        let credential = commission.credential_id.as_ref().filter(|_| public);
        if credential.is_some_and(|credential| self.pos.check_key(credential).is_err()) {
            return Err(CreateError::TooMany);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| CreateError::TooMany)?;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let store_id = commission.store.id.clone();
        let taken = stores.entry(store_id.clone()).or_default();
        if *taken >= self.most_of_a_store {
            return Err(CreateError::TooMany);
        }
        *taken += 1;
        Ok(Place { _place: place, store_id, stores: Arc::clone(&self.stores) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = stores.get_mut(&self.store_id) {
            *taken = taken.saturating_sub(1);
        }
    }
}
