//! Benchmark of `run --redact`: throughput of the redactor, next to an Aho-Corasick automaton.
//!
//! Run it with `cargo xtask bench redaction`. It measures the CPU time of this thread, without a
//! command or a pipe. The two take turns, so the ratio holds on a busy machine too. The automaton
//! has the easier task: it only counts matches within each piece. It copies no output, and misses
//! matches across two pieces.
#![allow(clippy::print_stdout, reason = "it prints results")]

#[allow(dead_code, reason = "the command uses the rest")]
#[path = "../../../cli/src/encodings/mod.rs"]
mod encodings;
#[allow(dead_code, reason = "the command uses the rest")]
#[path = "../../../cli/src/quoting.rs"]
mod quoting;
#[allow(dead_code, reason = "the command uses the rest")]
#[path = "../../../cli/src/redact/mod.rs"]
mod redact;
#[allow(dead_code, reason = "the command uses the rest")]
#[path = "../../../cli/src/wiping_buf.rs"]
mod wiping_buf;

use std::{error::Error, fmt::Write as _, hint::black_box, sync::Arc, time::Duration};

use aho_corasick::{AhoCorasick, MatchKind};
use rustix::time::{ClockId, clock_gettime};
use s1crets::{Metadata, Secret};

use encodings::{Added, Encodings};
use redact::{Matcher, Redactor};

/// The size of the text, and of the pieces in which a pipe delivers it.
const SIZE: usize = 64 << 20;
const PIECE: usize = 256 << 10;

const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    println!("medians of {ROUNDS} rounds in turns, {} MiB of log lines", SIZE >> 20);
    let text = log_lines(SIZE)?;
    compare("100 passwords", &(0..100).map(password).collect::<Vec<_>>(), text.as_bytes())?;
    let keys: Vec<_> = (0..20).map(key).collect();
    compare("20 private keys", &keys, text.as_bytes())?;
    for kib in [1, 64] {
        let text = "a".repeat(4 << 20);
        compare(&format!("{kib} KiB of one character, in a stream of it"), &["a".repeat(kib << 10)], text.as_bytes())?;
    }
    Ok(())
}

fn compare(what: &str, values: &[String], text: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut encodings = Encodings::default();
    for value in values {
        if encodings.add(&Secret::text(value.as_str(), Metadata::default())) != Added::Complete {
            return Err("a value is too short or too large".into());
        }
    }
    let matcher = Arc::new(Matcher::new(&encodings));
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(encodings.iter())?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(cpu_time(|| redacted(&matcher, text)));
        theirs.push(cpu_time(|| text.chunks(PIECE).map(|piece| automaton.find_iter(piece).count()).sum()));
    }
    let speed = |mut times: Vec<Duration>| {
        times.sort_unstable();
        text.len() as f64 / 1e6 / times[times.len() / 2].as_secs_f64()
    };
    let (ours, theirs) = (speed(ours), speed(theirs));
    println!(
        "{what}, {} encodings: {ours:.0} MB/s, aho-corasick {theirs:.0} MB/s ({} MiB): {:.3}x",
        encodings.iter().count(),
        automaton.memory_usage() >> 20,
        ours / theirs
    );
    Ok(())
}

/// Redacts a text and returns the length of the output.
fn redacted(matcher: &Arc<Matcher>, text: &[u8]) -> usize {
    let (mut redactor, mut out, mut left) = (Redactor::new(matcher.clone()), Vec::with_capacity(PIECE), 0);
    for piece in text.chunks(PIECE) {
        redactor.push(piece, &mut out);
        left += out.len();
        out.clear();
    }
    redactor.finish(&mut out);
    left + out.len()
}

/// The CPU time that `work` takes on this thread.
fn cpu_time(work: impl FnOnce() -> usize) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    let started = now();
    black_box(work());
    now().saturating_sub(started)
}

/// The same passwords as in the benchmark `command`.
fn password(index: u64) -> String {
    format!("{:016x}/{index:04}+pass", mixed(index))
}

/// Lines of base64, like those of a PEM file.
fn key(index: u64) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let symbol = |at: u64| char::from(SYMBOLS[(mixed(index << 16 | at) >> 58) as usize]);
    let line = |line: u64| (0..64).map(|column| symbol(line << 8 | column)).chain(['\n']).collect::<String>();
    (0..25).map(line).collect()
}

fn mixed(index: u64) -> u64 {
    index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn log_lines(size: usize) -> Result<String, Box<dyn Error>> {
    let mut lines = String::with_capacity(size + 200);
    let mut index = 0_u64;
    while lines.len() < size {
        let id = index.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        writeln!(
            lines,
            "2026-01-01T00:{:02}:{:02}Z INFO request id={id:016x} method=GET path=/v1/items/{index} status=200 took={}ms",
            index / 60 % 60,
            index % 60,
            id % 400
        )?;
        index += 1;
    }
    lines.truncate(size);
    Ok(lines)
}
