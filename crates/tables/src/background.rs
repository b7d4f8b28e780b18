//! Work that may wait: writing and merging files gives way to calls and look-ups.

use std::thread;

use rustix::process::setpriority_process;
use tokio::{runtime::Handle, sync::oneshot};

use crate::Error;

/// What the operating system takes off the thread's share of a busy processor, from 0 to 19. At 10 a
/// thread that serves calls gets nine times as much; an idle processor is used whole.
const NICE: i32 = 10;

/// Runs `work` on a thread of its own, of lower priority. It may block, and use the runtime that it
/// was called on.
///
/// # Errors
/// [`Error::Closed`] when there is no thread to be had, or `work` panics.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let (done, answer) = oneshot::channel();
    let runtime = Handle::current();
    let body = move || {
        // On Linux it is the thread's priority that this sets. Without it, work is done as well.
        let _only_manners = setpriority_process(None, NICE);
        let _entered = runtime.enter();
        let _ = done.send(work());
    };
    thread::Builder::new().name("tables".to_owned()).spawn(body).map_err(|_| Error::Closed)?;
    answer.await.map_err(|_| Error::Closed)
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn background_work_is_of_lower_priority_and_may_use_the_runtime() {
        let before = getpriority_process(None).unwrap();
        let found = run(|| {
            let nested = Handle::current().block_on(async { 7 });
            (nested, getpriority_process(None).unwrap())
        });
        assert_eq!(found.await.unwrap(), (7, before.max(NICE)));
        assert_eq!(getpriority_process(None).unwrap(), before);
        assert!(run(|| panic!("on purpose")).await.is_err());
    }
}
