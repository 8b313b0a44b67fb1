//! The thread that gives memory back while the others are served; knows nothing of what it frees.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

/// What is to be freed: dropping it is all that is done with it.
type Garbage = Box<dyn Send>;

/// The thread, and where to send it garbage and how many objects that is.
type Worker = (Sender<(Garbage, usize)>, JoinHandle<()>);

/// Frees on a thread of its own, which starts with the first thing to free.
#[derive(Default)]
pub(super) struct LazyFree {
    worker: Option<Worker>,
    /// Objects that were given to the thread and are not free yet. Only shown to people, so in no order with anything.
    pending: Arc<AtomicUsize>,
}

impl LazyFree {
    /// Frees so many objects soon. Where no thread can be had they are freed at once.
    pub(super) fn discard(&mut self, garbage: Garbage, objects: usize) {
        if self.worker.is_none() {
            self.worker = start(&self.pending);
        }
        if let Some((sender, _)) = &self.worker {
            self.pending.fetch_add(objects, Ordering::Relaxed);
            // What cannot be sent comes back with the error, and is freed here.
            if sender.send((garbage, objects)).is_err() {
                self.pending.fetch_sub(objects, Ordering::Relaxed);
            }
        }
    }

    /// Objects that are still to be freed.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

fn start(pending: &Arc<AtomicUsize>) -> Option<Worker> {
    let (sender, receiver) = mpsc::channel::<(Garbage, usize)>();
    let pending = Arc::clone(pending);
    let free = move || {
        for (garbage, objects) in receiver {
            drop(garbage);
            pending.fetch_sub(objects, Ordering::Relaxed);
        }
    };
    let thread = thread::Builder::new()
        .name("lazyfree".to_owned())
        .spawn(free)
        .ok()?;
    Some((sender, thread))
}

impl Drop for LazyFree {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.worker.take() {
            // The thread ends when there is nobody left to send it anything; a server that has ended leaves no threads.
            drop(sender);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Receiver;

    /// Remembers on which thread it was dropped.
    struct Witness(Sender<Option<String>>);

    impl Drop for Witness {
        fn drop(&mut self) {
            let name = thread::current().name().map(str::to_owned);
            let _ = self.0.send(name);
        }
    }

    /// Is dropped only when it may be.
    struct Gate(Receiver<()>);

    impl Drop for Gate {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[test]
    fn objects_are_pending_until_they_are_free() {
        let (open, gate) = mpsc::channel();
        let (dropped, drops) = mpsc::channel();
        let mut lazyfree = LazyFree::default();
        lazyfree.discard(Box::new(Gate(gate)), 3);
        lazyfree.discard(Box::new(Witness(dropped)), 1);
        assert_eq!(lazyfree.pending(), 4);
        open.send(()).expect("the gate waits for it");
        drops.recv().expect("the witness tells of its end");
        let pending = Arc::clone(&lazyfree.pending);
        assert!(lazyfree.pending() <= 1, "the first ones are free");
        drop(lazyfree);
        assert_eq!(pending.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn garbage_is_dropped_on_the_thread_and_all_of_it_before_the_end() {
        let (dropped, drops) = mpsc::channel();
        let kept = Arc::new(());
        let mut lazyfree = LazyFree::default();
        for _ in 0..100 {
            lazyfree.discard(Box::new((Witness(dropped.clone()), Arc::clone(&kept))), 1);
        }
        drop((lazyfree, dropped));
        assert_eq!(Arc::strong_count(&kept), 1, "all was dropped");
        let names: Vec<_> = drops.into_iter().collect();
        assert_eq!(names, vec![Some("lazyfree".to_owned()); 100]);
    }
}
