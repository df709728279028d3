//! What metrics and logs tell, and what they don't.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use crate::client::Client;

use super::*;

/// Long enough to be no part of anything else.
const NAME: &str = "name-of-a-secret/that-is-told-to-nobody";
const VALUE: &str = "value-of-a-secret-that-is-told-to-nobody";

/// One of each: misses, hits, stale answers, refusals, updates, evictions.
async fn everything() {
    let memory = Memory::new().with(NAME, VALUE).with("beside", VALUE);
    let policy = CachePolicy::default().with_ttl(TTL).with_revalidate(true).with_max_bytes(VALUE.len() as u64 * 3);
    let client = Client::builder().with_provider("kept", memory.clone()).with_cache(policy).build().expect("a client");
    let get = async || client.get("kept", NAME).await;
    for _ in 0..3 {
        get().await.expect("a secret");
    }
    advance(TTL).await;
    get().await.expect("confirmed");
    memory.fail_next(Fault::new(ErrorKind::Unavailable));
    advance(TTL).await;
    get().await.expect("stale");
    get().await.expect("stale");
    memory.fail_next(Fault::new(ErrorKind::AccessDenied).with_operation(Operation::Version));
    advance(TTL).await;
    get().await.expect("read");
    client.update("kept", NAME, VALUE).await.expect("updated");
    client.get_refs([&format!("kept://{NAME}"), "kept://beside"]).await;
    client.get_by_path("kept", "").await.expect("a listing");
    client.get("kept", &format!("{NAME}/nope")).await.expect_err("missing");
    client.get("kept", &format!("{NAME}/nope")).await.expect_err("missing");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn logged_at(level: tracing::Level) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone()).with_ansi(false).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    everything().await;
    drop(guard);
    log.text()
}

#[tokio::test(start_paused = true)]
async fn names_stand_in_no_log_above_debug_and_values_in_none() {
    let (info, trace) = (logged_at(tracing::Level::INFO).await, logged_at(tracing::Level::TRACE).await);
    assert!(info.contains("the provider fails") && info.contains("answers again"), "{info}");
    assert!(!info.contains("name-of-a-secret"), "{info}");
    assert!(trace.contains("name-of-a-secret") && !trace.contains("value-of-a-secret"), "{trace}");
}

/// Keeps what it is told, by name and labels.
#[cfg(feature = "metrics")]
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<std::collections::BTreeMap<String, f64>>>);

#[cfg(feature = "metrics")]
mod recorder {
    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
    };

    use super::*;

    struct One {
        told: Told,
        name: String,
    }

    impl Told {
        fn one(&self, key: &Key) -> Arc<One> {
            let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let name = format!("{}{{{}}}", key.name(), labels.join(","));
            let one = Arc::new(One { told: self.clone(), name });
            one.change(|value| value);
            one
        }

        pub(super) fn text(&self) -> String {
            let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            told.iter().map(|(name, value)| format!("{name} {value}\n")).collect()
        }
    }

    impl One {
        fn change(&self, change: impl FnOnce(f64) -> f64) {
            let mut told = self.told.0.lock().unwrap_or_else(PoisonError::into_inner);
            let value = told.entry(self.name.clone()).or_default();
            *value = change(*value);
        }
    }

    impl CounterFn for One {
        fn increment(&self, by: u64) {
            self.change(|value| value + by as f64);
        }

        fn absolute(&self, value: u64) {
            self.change(|_| value as f64);
        }
    }

    impl GaugeFn for One {
        fn increment(&self, by: f64) {
            self.change(|value| value + by);
        }

        fn decrement(&self, by: f64) {
            self.change(|value| value - by);
        }

        fn set(&self, value: f64) {
            self.change(|_| value);
        }
    }

    /// How many values there were.
    impl HistogramFn for One {
        fn record(&self, _: f64) {
            self.change(|times| times + 1.0);
        }
    }

    impl metrics::Recorder for Told {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.one(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.one(key))
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.one(key))
        }
    }
}

/// A recorder that uses the very cache which it is told about, at each call.
#[cfg(feature = "metrics")]
mod recursive {
    use std::cell::Cell;

    use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, SharedString, Unit};

    use super::*;

    #[derive(Clone, Default)]
    pub(super) struct Recursive(pub(super) Arc<Mutex<Option<Client>>>);

    thread_local!(static WITHIN: Cell<bool> = const { Cell::new(false) });

    impl Recursive {
        fn use_cache(&self) {
            let client = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(client) = client.filter(|_| !WITHIN.replace(true)) {
                client.stats("kept").expect("a provider");
                client.invalidate("kept", "another").expect("a provider");
                WITHIN.set(false);
            }
        }
    }

    impl CounterFn for Recursive {
        fn increment(&self, _: u64) {
            self.use_cache();
        }

        fn absolute(&self, _: u64) {}
    }

    impl GaugeFn for Recursive {
        fn increment(&self, _: f64) {}

        fn decrement(&self, _: f64) {}

        fn set(&self, _: f64) {
            self.use_cache();
        }
    }

    impl metrics::Recorder for Recursive {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::new(self.clone()))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::new(self.clone()))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }
}

/// Under a lock of the cache, the recorder would wait for itself.
#[cfg(feature = "metrics")]
#[test]
fn a_recorder_may_use_the_cache_that_it_is_told_about() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let recorder = recursive::Recursive::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let work = async {
            let memory = (0..40).fold(Memory::new(), |memory, number| memory.with(&format!("n/{number}"), VALUE));
            // Room for few of them, so that some are evicted in each way.
            let policy = CachePolicy::default().with_entries(10).with_max_bytes(VALUE.len() as u64 * 5);
            let client = Client::builder().with_provider("kept", memory.clone()).with_cache(policy).build();
            let client = client.expect("a client");
            *recorder.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
            for number in 0..40 {
                let name = format!("n/{number}");
                // The second one joins the load of the first one.
                let read = async || client.get("kept", &name).await;
                let (one, two) = futures::join!(read(), read());
                assert_eq!((one.is_ok(), two.is_ok()), (true, true));
                client.get("kept", &name).await.expect("a secret");
            }
            client.get_by_path("kept", "n").await.expect("a listing");
            memory.fail_next(Fault::new(ErrorKind::Unavailable));
            client.refresh("kept", "n/39").await.expect_err("an outage");
        };
        metrics::with_local_recorder(&recorder, || runtime.block_on(work));
        done.send(()).expect("somebody waits");
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("the recorder waits for itself");
}

#[cfg(feature = "metrics")]
#[test]
fn metrics_tell_what_was_done_and_of_no_secret() {
    let recorder = Told::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    metrics::with_local_recorder(&recorder, || runtime.block_on(everything()));
    let told = recorder.text();
    for line in [
        "s1crets_cache_reads_total{provider=kept,result=hit} 2",
        "s1crets_cache_reads_total{provider=kept,result=stale} 2",
        "s1crets_cache_reads_total{provider=kept,result=negative} 1",
        "s1crets_cache_reads_total{provider=kept,result=miss} 8",
        "s1crets_cache_coalesced_total{provider=kept} 0",
        "s1crets_cache_refreshes_total{provider=kept} 0",
        "s1crets_cache_revalidated_total{provider=kept} 1",
        "s1crets_cache_revalidation_denied_total{provider=kept} 1",
        "s1crets_cache_evicted_total{provider=kept} 1",
        "s1crets_cache_entries{provider=kept,what=secret} 1",
        "s1crets_cache_entries{provider=kept,what=listing} 0",
        "s1crets_provider_call_seconds{provider=kept,call=get} 3",
        "s1crets_provider_call_seconds{provider=kept,call=get_many} 1",
        "s1crets_provider_call_seconds{provider=kept,call=get_by_path} 1",
        "s1crets_provider_call_seconds{provider=kept,call=version} 3",
        "s1crets_provider_answers_total{provider=kept,result=ok} 5",
        "s1crets_provider_answers_total{provider=kept,result=unavailable} 1",
        "s1crets_provider_answers_total{provider=kept,result=not_found} 1",
    ] {
        assert!(told.contains(line), "{line} is missing from\n{told}");
    }
    assert!(!told.contains("name-of-a-secret") && !told.contains("value-of-a-secret"), "{told}");
}
