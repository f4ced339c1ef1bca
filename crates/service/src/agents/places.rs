//! Places for links that have not proved whose they are: few, and of those only some for one
//! source, so that a stranger who opens all that are given keeps out nobody else.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::flow::source_block;

/// Most places (catalogue NET-09).
const ALL: usize = 64;
/// Most for one source: agents of one site come from one address, and each needs one for a
/// moment.
const OF_A_SOURCE: usize = 8;

/// The places.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<Vec<u8>, usize>>);

/// One of them, free again when dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    source: Vec<u8>,
}

impl Places {
    /// A place for a link from there, while there is one.
    pub(crate) fn take(self: &Arc<Self>, source: IpAddr) -> Option<Place> {
        let source = source_block(source);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = taken.get(&source).copied().unwrap_or(0);
        if of_it >= OF_A_SOURCE || taken.values().sum::<usize>() >= ALL {
            return None;
        }
        taken.insert(source.clone(), of_it + 1);
        Some(Place { places: Arc::clone(self), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_it) = taken.get_mut(&self.source) {
            *of_it -= 1;
            if *of_it == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_some_of_the_places_and_what_is_given_back_can_be_taken_again() {
        let places = Arc::new(Places::default());
        let from = |block: u8| places.take(IpAddr::from([203, 0, block, 1]));
        let mut of_one: Vec<Place> = (0..OF_A_SOURCE).filter_map(|_| from(0)).collect();
        assert_eq!(of_one.len(), OF_A_SOURCE);
        assert!(from(0).is_none() && from(1).is_some());
        of_one.pop();
        assert!(from(0).is_some());

        let all: Vec<Place> = (2..200).filter_map(from).collect();
        assert_eq!(all.len() + of_one.len(), ALL);
        assert!(from(250).is_none());
        drop((of_one, all));
        assert!(places.0.lock().unwrap().is_empty(), "nothing is kept of who was here");
    }
}
