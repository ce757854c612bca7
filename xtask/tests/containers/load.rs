//! Requests that go on while something is done to the service.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::stand::Stand;

/// Visitors that come one after another until they are sent away. What did not get a page is written down.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    served: Arc<AtomicU32>,
    failed: Arc<Mutex<Vec<String>>>,
    visitors: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(stand: &Stand) -> Load {
        let mut load =
            Load { over: Arc::default(), served: Arc::default(), failed: Arc::default(), visitors: Vec::new() };
        for _ in 0..3 {
            let (over, served, failed) = (load.over.clone(), load.served.clone(), load.failed.clone());
            let address = stand.balancer.to_string();
            load.visitors.push(thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    match crate::task::get(&address, "/@ada", &address, "") {
                        Ok(page) if page.status == 200 && page.body.contains("Ada") => {
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(page) => failed.lock().unwrap().push(format!("{}: {}", page.status, page.body)),
                        Err(error) => failed.lock().unwrap().push(error.to_string()),
                    }
                    // A quarter of a core serves tens of pages a second, and starts the next task as well.
                    thread::sleep(Duration::from_millis(20));
                }
            }));
        }
        load
    }

    /// How many pages were served; none may have failed.
    pub(crate) fn end(self) -> u32 {
        self.over.store(true, Ordering::Relaxed);
        for visitor in self.visitors {
            visitor.join().unwrap();
        }
        let failed = self.failed.lock().unwrap();
        assert!(failed.is_empty(), "{} requests failed, such as {:?}", failed.len(), failed.first());
        self.served.load(Ordering::Relaxed)
    }
}
