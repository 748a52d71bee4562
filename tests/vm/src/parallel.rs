// SPDX-License-Identifier: MIT

//! Several guests at once.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Each guest has 2 GiB of memory and keeps a processor busy.
const AT_ONCE: usize = 2;

/// Does the work on every item, the first ones first, and returns the results in the items' order.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| loop {
                // Not in the loop's own condition: the lock would be held through its body.
                let item = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, item)) = item else {
                    break;
                };
                let result = (index, work(item));
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(result);
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let squares = map((0..50).collect(), |n: u32| n * n);
        assert_eq!(squares, (0..50).map(|n| n * n).collect::<Vec<_>>());
        assert!(map(Vec::<u32>::new(), |n| n).is_empty());
    }
}
