//! Entering without waiting: what proves never waits for the index, and loses nothing by it.

use super::{Annotation, Index, IndexError, Outcome, Retention, entries};
use crate::{
    proof::{Structure, encoding},
    storage::{ContentAddress, ContentStore},
};
use alloy::primitives::B256;
use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How many events a watcher may be behind.
const EVENTS: usize = 1024;
/// After so many structures what is too old or too much is taken out again.
const RETAIN_EVERY: u64 = 256;

/// How an [`Indexer`] works.
#[derive(Clone, Debug)]
pub struct IndexerOptions {
    /// How many structures may wait to be entered; more are passed over, counted and reported.
    pub capacity: usize,
    /// Where bundles, and what is noted of them, are kept before they are entered, so that they can be opened when they are found
    /// and the index can be made again. Without it an entry only names a bundle that its maker has.
    pub store: Option<Arc<dyn ContentStore>>,
    /// What is kept.
    pub retention: Retention,
}

impl Default for IndexerOptions {
    /// 1,024 structures may wait, nothing is stored, everything is kept.
    fn default() -> Self {
        Self { capacity: 1024, store: None, retention: Retention::default() }
    }
}

/// What happens in an [`Indexer`]. What other processes enter is in [`SqliteIndex::changes`](super::SqliteIndex::changes).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexEvent {
    /// Statements were entered.
    Entered(Vec<(B256, Outcome)>),
    /// These were not; the reason in a sentence. Their proofs are not affected.
    Failed(Vec<B256>, String),
    /// These were passed over, since too many were waiting.
    PassedOver(Vec<B256>),
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexerStats {
    /// Structures that were entered.
    pub entered: u64,
    /// Structures that could not be.
    pub failed: u64,
    /// Structures that were passed over.
    pub passed_over: u64,
    /// The last failure.
    pub last_failure: Option<String>,
}

/// A thread that enters what it is given. Dropping the last handle lets it finish what is waiting, and waits for that.
pub struct Indexer {
    queue: Option<SyncSender<Work>>,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Work(Box<Structure>, Arc<Annotation>);

/// How many structures were taken into the queue, and how many of them are dealt with.
#[derive(Default)]
struct Progress {
    taken: u64,
    done: u64,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    advanced: Condvar,
    stats: Mutex<IndexerStats>,
    watchers: Mutex<Vec<SyncSender<IndexEvent>>>,
}

impl Indexer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn start(index: Arc<dyn Index>, options: IndexerOptions) -> std::io::Result<Self> {
        let (queue, work) = sync_channel(options.capacity.max(1));
        let shared = Arc::<Shared>::default();
        let of_thread = shared.clone();
        let run = move || of_thread.run(&*index, &options, &work);
        let thread = std::thread::Builder::new().name("zkinfer-index".into()).spawn(run)?;
        Ok(Self { queue: Some(queue), shared, thread: Some(thread) })
    }

    /// Gives it bundles. Returns at once, whatever state the index is in.
    pub fn enter(&self, structure: impl Into<Structure>, annotation: impl Into<Arc<Annotation>>) {
        let Some(queue) = &self.queue else { return };
        // Counted before it is in the queue, so that it is never done before it is taken.
        self.shared.advance(|progress| progress.taken += 1);
        let refused = queue.try_send(Work(Box::new(structure.into()), annotation.into()));
        if let Err(TrySendError::Full(Work(structure, _)) | TrySendError::Disconnected(Work(structure, _))) = refused {
            self.shared.advance(|progress| progress.taken -= 1);
            let ids = structure.statement_ids();
            tracing::warn!(
                statements = ids.len(),
                "the index cannot keep up: statements were passed over; rebuild it later"
            );
            self.shared.count(|stats| stats.passed_over += 1);
            self.shared.tell(&IndexEvent::PassedOver(ids));
        }
    }

    /// Waits until everything given so far is entered, or has failed to be; whether that was so in time.
    #[must_use]
    pub fn flush(&self, time: Duration) -> bool {
        let progress = self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let goal = progress.taken;
        let waited = self.shared.advanced.wait_timeout_while(progress, time, |progress| progress.done < goal);
        waited.unwrap_or_else(PoisonError::into_inner).0.done >= goal
    }

    /// Events from now on. A watcher that is 1,024 behind is let go: its receiver ends.
    #[must_use]
    pub fn watch(&self) -> Receiver<IndexEvent> {
        let (sender, receiver) = sync_channel(EVENTS);
        self.shared.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// The counts.
    #[must_use]
    pub fn stats(&self) -> IndexerStats {
        self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It catches the panics of what it calls.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Shared {
    fn run(&self, index: &dyn Index, options: &IndexerOptions, work: &Receiver<Work>) {
        let mut count = 0u64;
        while let Ok(Work(structure, annotation)) = work.recv() {
            self.enter(index, options, &structure, &annotation);
            if count.is_multiple_of(RETAIN_EVERY) {
                self.retain(index, &options.retention);
            }
            count += 1;
            self.advance(|progress| progress.done += 1);
        }
    }

    fn advance(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
        self.advanced.notify_all();
    }

    fn enter(&self, index: &dyn Index, options: &IndexerOptions, structure: &Structure, annotation: &Annotation) {
        let entered = guarded(|| enter(index, options.store.as_deref(), structure, annotation));
        match entered {
            Ok(outcomes) => {
                self.count(|stats| stats.entered += 1);
                self.tell(&IndexEvent::Entered(outcomes));
            }
            Err(reason) => {
                tracing::warn!(%reason, "statements were not entered into the index; their proofs are not affected");
                self.count(|stats| (stats.failed, stats.last_failure) = (stats.failed + 1, Some(reason.clone())));
                self.tell(&IndexEvent::Failed(structure.statement_ids(), reason));
            }
        }
    }

    fn retain(&self, index: &dyn Index, retention: &Retention) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        if *retention == Retention::default() {
            return;
        }
        if let Err(reason) = guarded(|| index.retain(retention, now)) {
            tracing::warn!(%reason, "what is too old was not taken out of the index");
        }
    }

    fn count(&self, change: impl FnOnce(&mut IndexerStats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn tell(&self, event: &IndexEvent) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.try_send(event.clone()).is_ok());
    }
}

/// Stores the notes and the bundles first: what is found can be opened.
fn enter(
    index: &dyn Index,
    store: Option<&dyn ContentStore>,
    structure: &Structure,
    annotation: &Annotation,
) -> Result<Vec<(B256, Outcome)>, IndexError> {
    let bytes = structure.encode(encoding::Encoding::Compact, encoding::Compression::None);
    let address = ContentAddress::of(&bytes);
    let notes = annotation.notes(structure)?;
    let entries = entries(structure, address, None, &notes)?;
    if let Some(store) = store {
        store.put(&bytes)?;
        if !notes.is_empty() {
            store.put(&notes.to_json())?;
        }
    }
    let outcomes = index.enter(&entries)?;
    Ok(entries.iter().map(|entry| entry.statement_id).zip(outcomes).collect())
}

/// A panic below is a failure like others.
fn guarded<T>(work: impl FnOnce() -> Result<T, IndexError>) -> Result<T, String> {
    let text = |panic: Box<dyn Any + Send>| match panic.downcast_ref::<&str>() {
        Some(text) => format!("a panic: {text}"),
        None => "a panic".into(),
    };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(text(panic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        index::{Entry, Filter, Note, Page, Query, SqliteIndex},
        proof::bundle::tests::{numbered, numbered_batch},
        storage::LocalStore,
    };

    const LONG: Duration = Duration::from_secs(60);

    /// An index that stands still until it is let go, and then does what it is told.
    #[derive(Debug, Default)]
    struct Stuck {
        open: Mutex<bool>,
        opened: Condvar,
        panics: bool,
    }

    impl Index for Stuck {
        fn enter(&self, entries: &[Entry]) -> Result<Vec<Outcome>, IndexError> {
            let guard = self.open.lock().unwrap();
            drop(self.opened.wait_while(guard, |open| !*open).unwrap());
            assert!(!self.panics, "broken");
            Ok(vec![Outcome::New; entries.len()])
        }

        fn search(&self, _: &Query) -> Result<Page, IndexError> {
            Ok(Page::default())
        }

        fn remove(&self, _: &[B256]) -> Result<u64, IndexError> {
            Ok(0)
        }

        fn retain(&self, _: &Retention, _: u64) -> Result<u64, IndexError> {
            Err(IndexError::Query("no".into()))
        }
    }

    impl Stuck {
        fn let_go(&self) {
            *self.open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    #[test]
    fn what_is_given_is_stored_entered_and_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let index = Arc::new(SqliteIndex::open(&dir.path().join("index.sqlite")).unwrap());
        let store = Arc::new(LocalStore::at(dir.path().join("store")));
        let options = IndexerOptions { store: Some(store.clone()), ..IndexerOptions::default() };
        let indexer = Indexer::start(index.clone(), options).unwrap();
        let events = indexer.watch();
        let note = Note::new().with_label("night shift").unwrap();
        indexer.enter(numbered_batch(1, 3), Annotation::from(note));
        assert!(indexer.flush(LONG));
        let IndexEvent::Entered(entered) = events.try_recv().unwrap() else { panic!() };
        assert_eq!(entered.len(), 3);
        let page = index.search(&Query::latest(Filter::default(), 10).with_text("night")).unwrap();
        assert_eq!(page.found.len(), 3);
        for found in page.found {
            assert_eq!(*found.open(&[&*store]).unwrap().bundle(), numbered_batch(1, 3));
        }
        // From the store alone the same index is made again.
        let again = SqliteIndex::open(&dir.path().join("again.sqlite")).unwrap();
        again
            .rebuild(&crate::index::Sources { folders: vec![dir.path().join("store")], claims: vec![] }, false)
            .unwrap();
        assert_eq!(again.search(&Query::latest(Filter::default(), 10).with_text("night")).unwrap().found.len(), 3);
    }

    /// An index that hangs delays nobody: what it has no room for is counted and reported.
    #[test]
    fn an_index_that_hangs_delays_nobody() {
        let index = Arc::new(Stuck::default());
        let indexer =
            Indexer::start(index.clone(), IndexerOptions { capacity: 2, ..IndexerOptions::default() }).unwrap();
        let events = indexer.watch();
        for number in 0..10 {
            indexer.enter(numbered(number), Annotation::default());
        }
        let passed_over = indexer.stats().passed_over;
        // One may have left the queue already.
        assert!((7..=8).contains(&passed_over), "{passed_over}");
        assert!(!indexer.flush(Duration::ZERO), "nothing can be done yet");
        index.let_go();
        assert!(indexer.flush(LONG));
        assert_eq!(indexer.stats().entered, 10 - passed_over);
        assert!(matches!(events.recv().unwrap(), IndexEvent::PassedOver(_)));
    }

    #[test]
    fn an_index_that_panics_or_fails_is_a_counted_failure() {
        let index = Arc::new(Stuck { panics: true, ..Stuck::default() });
        index.let_go();
        let indexer = Indexer::start(index, IndexerOptions::default()).unwrap();
        let events = indexer.watch();
        indexer.enter(numbered(1), Annotation::default().with_output_as_embedding("nothing", "s"));
        indexer.enter(numbered(2), Annotation::default());
        assert!(indexer.flush(LONG));
        let stats = indexer.stats();
        assert_eq!((stats.entered, stats.failed), (0, 2));
        assert!(stats.last_failure.unwrap().contains("panic"));
        let reasons: Vec<String> = std::iter::from_fn(|| match events.try_recv() {
            Ok(IndexEvent::Failed(ids, reason)) => Some(format!("{} {reason}", ids.len())),
            _ => None,
        })
        .collect();
        assert!(reasons[0].contains("no public output") && reasons[1].contains("panic"), "{reasons:?}");
    }
}
