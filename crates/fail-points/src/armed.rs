//! The points when a test watches: each asks the plan of its thread.

use std::{cell::RefCell, io, pin::Pin, sync::Arc};

/// Decides at each point, and is told which threads live by it.
pub trait Plan: Send + Sync {
    /// A task passes this point once the answer resolves: never, when the part ends there.
    fn point(&self, name: &'static str) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A thread passes this point once this returns. Unwinds when the part has ended there.
    ///
    /// # Errors
    /// What the disk is to say.
    fn io(&self, name: &'static str) -> io::Result<()>;

    /// A thread of the part began or ended.
    fn thread(&self, began: bool);
}

thread_local! {
    static PLAN: RefCell<Option<Arc<dyn Plan>>> = const { RefCell::new(None) };
}

fn plan() -> Option<Arc<dyn Plan>> {
    PLAN.with_borrow(Clone::clone)
}

/// A point that a task passes.
pub async fn point(name: &'static str) {
    if let Some(plan) = plan() {
        plan.point(name).await;
    }
}

/// A point where a thread asks the disk for something.
///
/// # Errors
/// When the plan says so.
pub fn io(name: &'static str) -> io::Result<()> {
    plan().map_or(Ok(()), |plan| plan.io(name))
}

/// A thread's plan, to take along to another thread.
#[derive(Clone)]
pub struct Handle(Option<Arc<dyn Plan>>);

/// The plan of this thread.
pub fn handle() -> Handle {
    Handle(plan())
}

impl Handle {
    /// With this plan.
    pub fn with(plan: Arc<dyn Plan>) -> Self {
        Self(Some(plan))
    }

    /// Makes it this thread's plan, for as long as the answer lives.
    #[must_use]
    pub fn enter(self) -> Entered {
        if let Some(plan) = &self.0 {
            plan.thread(true);
        }
        PLAN.set(self.0);
        Entered
    }
}

/// While it lives, this thread has a plan.
pub struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(plan) = PLAN.take() {
            plan.thread(false);
        }
    }
}
