//! The thread that gives memory back while the others are served; knows nothing of what it frees.

use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

/// What is to be freed: dropping it is all that is done with it.
type Garbage = Box<dyn Send>;

/// Frees on a thread of its own, which starts with the first thing to free.
#[derive(Default)]
pub(super) struct LazyFree {
    worker: Option<(Sender<Garbage>, JoinHandle<()>)>,
}

impl LazyFree {
    /// Frees something soon. Where no thread can be had it is freed at once.
    pub(super) fn discard(&mut self, garbage: Garbage) {
        if self.worker.is_none() {
            self.worker = start();
        }
        if let Some((sender, _)) = &self.worker {
            // What cannot be sent comes back with the error, and is freed here.
            let _ = sender.send(garbage);
        }
    }
}

fn start() -> Option<(Sender<Garbage>, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel::<Garbage>();
    let thread = thread::Builder::new()
        .name("lazyfree".to_owned())
        .spawn(move || receiver.into_iter().for_each(drop))
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
    use std::sync::Arc;

    /// Remembers on which thread it was dropped.
    struct Witness(Sender<Option<String>>);

    impl Drop for Witness {
        fn drop(&mut self) {
            let name = thread::current().name().map(str::to_owned);
            let _ = self.0.send(name);
        }
    }

    #[test]
    fn garbage_is_dropped_on_the_thread_and_all_of_it_before_the_end() {
        let (dropped, drops) = mpsc::channel();
        let kept = Arc::new(());
        let mut lazyfree = LazyFree::default();
        for _ in 0..100 {
            lazyfree.discard(Box::new((Witness(dropped.clone()), Arc::clone(&kept))));
        }
        drop((lazyfree, dropped));
        assert_eq!(Arc::strong_count(&kept), 1, "all was dropped");
        let names: Vec<_> = drops.into_iter().collect();
        assert_eq!(names, vec![Some("lazyfree".to_owned()); 100]);
    }
}
