//! `s1crets cache`: prints the state of the disk cache, and removes entries from it.

use clap::Subcommand;
use s1crets::{DiskCache, DiskStats, PruneStats};
use serde_json::json;

use crate::{
    args::Global,
    client_setup, escape,
    exit::Exit,
    output,
    report::{self, Failure},
};

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print the folder, the state and the size of the cache
    #[command(after_long_help = "Example: s1crets cache stats --json")]
    Stats,
    /// Remove all entries
    ///
    /// Processes that use the cache drop what they hold in memory too.
    #[command(after_long_help = "Example: s1crets cache clear")]
    Clear,
    /// Remove expired entries, entries above the limit, and files left by killed processes
    ///
    /// The limit is `entries` in [cache] of the config file. Processes that use the cache prune it
    /// too, from time to time.
    #[command(after_long_help = "Example: s1crets cache prune")]
    Prune,
    /// Print the folder of the cache
    #[command(after_long_help = "Example: ls -l $(s1crets cache path)")]
    Path,
}

pub(crate) fn run(global: &Global, command: &CacheCommand) -> Result<Exit, Failure> {
    let (loader, untrusted) = client_setup::loader_without_untrusted(global)?;
    if let Some(file) = untrusted {
        let message = format!("ignoring the config file {}, because it is not trusted", file.path().display());
        report::warning(&message, global);
    }
    let config = loader.load()?;
    let disk = config.disk_cache();
    match command {
        CacheCommand::Stats => stats(&disk, config.cache.disk == Some(true), global.json)?,
        CacheCommand::Clear => clear(&disk, global.json)?,
        CacheCommand::Prune => prune(&disk, config.cache_policy().entries, global.json)?,
        CacheCommand::Path => path(&disk, global.json)?,
    }
    Ok(Exit::Found)
}

fn stats(disk: &DiskCache, on: bool, json: bool) -> Result<(), Failure> {
    let (path, DiskStats { entries, expired, bytes, .. }) = (disk.folder()?, disk.stats()?);
    let fields =
        json!({ "path": path.to_string_lossy(), "on": on, "entries": entries, "expired": expired, "bytes": bytes });
    let (path, state) = (path.display().to_string(), if on { "on" } else { "off" });
    let path = escape::text(&path);
    output::json_or_text(
        &fields,
        &format!("path     {path}\nstate    {state}\nentries  {entries}\nexpired  {expired}\nbytes    {bytes}"),
        json,
    )
}

fn clear(disk: &DiskCache, json: bool) -> Result<(), Failure> {
    let removed = disk.clear()?;
    output::json_or_text(&json!({ "removed": removed }), &format!("removed  {removed}"), json)
}

fn prune(disk: &DiskCache, entries: u64, json: bool) -> Result<(), Failure> {
    let PruneStats { expired, evicted, left_over, .. } = disk.prune(entries)?;
    let fields = json!({ "expired": expired, "evicted": evicted, "left_over": left_over });
    let text = format!("expired    {expired}\nevicted    {evicted}\nleft over  {left_over}");
    output::json_or_text(&fields, &text, json)
}

fn path(disk: &DiskCache, json: bool) -> Result<(), Failure> {
    let path = disk.folder()?;
    output::json_or_text(&json!({ "path": path.to_string_lossy() }), &escape::text(&path.display().to_string()), json)
}
