//! What the disk cache takes: threads, reads, and file descriptors.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::Stdio,
    sync::Mutex,
};

use super::*;

impl Shared {
    fn path(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn record(&self) -> PathBuf {
        let mut names = fs::read_dir(self.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
        let is_record = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("r-"));
        names.find(is_record).expect("a record")
    }
}

/// One thread runs both tasks: a drop that waits for the lock on it keeps the other task from
/// running.
#[tokio::test]
async fn an_update_that_waits_for_the_folder_lock_does_not_block_the_thread() {
    let shared = Shared::new(CachePolicy::default());
    let ours = Arc::new(shared.process());
    text(&ours).await;
    let lock = File::options().read(true).write(true).open(shared.path().join("lock")).expect("the lock's file");
    lock.lock().expect("locked");
    let order = Arc::new(Mutex::new(Vec::new()));
    let updating = tokio::spawn({
        let (ours, order) = (ours.clone(), order.clone());
        async move {
            ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
            order.lock().expect("no panic").push("updated");
        }
    });
    tokio::task::yield_now().await;
    order.lock().expect("no panic").push("another task ran");
    lock.unlock().expect("unlocked");
    updating.await.expect("no panic");
    assert_eq!(*order.lock().expect("no panic"), ["another task ran", "updated"]);
    assert_eq!(text(&shared.process()).await, "two");
}

/// How often a file is opened while `act` runs.
#[cfg(target_os = "linux")]
async fn opens(file: &std::path::Path, act: impl Future<Output = ()>) -> usize {
    use rustix::fs::inotify;

    let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).expect("inotify");
    // Without the events between them, several opens would be reported as one.
    let events = inotify::WatchFlags::OPEN | inotify::WatchFlags::CLOSE;
    inotify::add_watch(&watch, file, events).expect("a watch");
    act.await;
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut next = || Some(events.next().ok()?.events());
    std::iter::from_fn(&mut next).filter(|event| event.contains(inotify::ReadFlags::OPEN)).count()
}

/// The value is stale in memory and on disk: a read finds the record, and has to load all the same.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_miss_opens_the_record_once() {
    let shared = Shared::new(CachePolicy::default());
    let first = shared.process();
    text(&first).await;
    for process in [shared.process(), first] {
        advance(TTL + Duration::from_secs(1)).await;
        let calls = shared.calls();
        assert_eq!(opens(&shared.record(), async { drop(text(&process).await) }).await, 1);
        assert_eq!(shared.calls(), calls + 1);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_refresh_of_what_this_process_has_stored_opens_no_record() {
    let shared = Shared::new(CachePolicy::default().with_refresh_ahead(0.5));
    let process = shared.process();
    text(&process).await;
    advance(TTL.mul_f64(0.8)).await;
    let refresh = async {
        text(&process).await;
        settle().await;
    };
    assert_eq!((opens(&shared.record(), refresh).await, shared.calls()), (0, 2));
}

const CHILD: &str = "S1CRETS_TEST_DESCRIPTORS";
const SAYS: &str = "the child says: ";

#[test]
fn a_process_without_file_descriptors_uses_the_disk_again_once_it_has_some() {
    let shared = Shared::new(CachePolicy::default());
    let mut child = Command::new("sh");
    child.args(["-c", r#"ulimit -n 64; exec "$0" "$@""#]).arg(env::current_exe().expect("this binary"));
    child.args(["--exact", "cache::tests::on_disk::under_load::runs_out_of_descriptors", "--nocapture"]);
    let output = child.env(CHILD, shared.path()).stdout(Stdio::piped()).output().expect("a process");
    let said: Vec<_> = BufReader::new(&*output.stdout)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| Some(line.split_once(SAYS)?.1.to_owned()))
        .collect();
    assert_eq!(
        said,
        ["opened: none", "opened later: Disk", "without: two", "dropped: two", "kept: Disk"],
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Plays the child; in the parent it has nothing to do.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "this is how the child answers")]
async fn runs_out_of_descriptors() {
    let Some(folder) = env::var_os(CHILD) else { return };
    let memory = Memory::new().with("a", "one").with("b", "one");
    let process = || {
        let disk = DiskCache::default().with_path(&folder);
        Cached::new(Arc::new(memory.clone()), CachePolicy::default()).with_disk_cache(disk, "settings")
    };
    let exhaust = || -> Vec<File> { std::iter::from_fn(|| File::open("/dev/null").ok()).collect() };
    let get =
        async |cached: &Cached<Memory>, name: &str| cached.get(name, &GetOptions::default()).await.expect("a secret");
    let held = |cached: &Cached<Memory>| cached.held("b", &GetOptions::default());
    let source = |secret: Option<Secret>| {
        secret.map_or("none".to_owned(), |secret| format!("{:?}", secret.freshness().expect("cached").source))
    };
    for name in ["a", "b"] {
        get(&process(), name).await;
    }
    let (ours, late) = (process(), process());
    held(&ours).expect("a secret");
    // The thread that may block is there from now on.
    tokio::task::spawn_blocking(|| {}).await.expect("no panic");

    let all = exhaust();
    println!("{SAYS}opened: {}", source(held(&late)));
    drop(all);
    println!("{SAYS}opened later: {}", source(held(&late)));

    let all = exhaust();
    ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    println!("{SAYS}without: {}", get(&ours, "a").await.expose_str().expect("text"));
    drop(all);
    // Other processes read the old value until the drop is tried again, which reads of ours bring
    // about.
    let mut text = String::new();
    for _ in 0..200 {
        held(&ours);
        text.clone_from(&get(&process(), "a").await.expose_str().expect("text").to_owned());
        if text == "two" {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    println!("{SAYS}dropped: {text}");
    println!("{SAYS}kept: {}", source(held(&process())));
}

/// Readers of four processes, and updates by two of them: no read that begins after an update has
/// returned gets an older value.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_see_a_value_from_before_a_finished_update() {
    const UPDATES: usize = 40;

    let shared = Shared::new(CachePolicy::default());
    shared.memory.set("a", "0");
    let processes: Vec<_> = (0..4).map(|_| Arc::new(shared.process())).collect();
    let written = Arc::new(AtomicUsize::new(0));
    let number = async |cached: &Cached<Memory>| text(cached).await.parse::<usize>().expect("a number");
    let readers: Vec<_> = (0..100)
        .map(|reader| {
            let (cached, written) = (processes[reader % 4].clone(), written.clone());
            tokio::spawn(async move {
                let mut reads = 0_usize;
                while written.load(Ordering::Acquire) < UPDATES {
                    let oldest = written.load(Ordering::Acquire);
                    let read = number(&cached).await;
                    assert!(read >= oldest, "{read} after {oldest} was written");
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                reads
            })
        })
        .collect();
    for update in 1..=UPDATES {
        let value = update.to_string();
        let ours = &processes[update % 2];
        ours.update("a", &value.as_str().into(), &UpdateOptions::default()).await.expect("an update");
        written.store(update, Ordering::Release);
    }
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.expect("no panic");
    }
    assert!(reads >= 100, "{reads}");
}
