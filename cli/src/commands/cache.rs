//! `s1crets cache`.

use s1crets::{DiskCache, DiskStats, Swept};
use serde_json::json;

use crate::{
    args::{CacheCommand, Global},
    client_setup,
    exit::Exit,
    output,
    report::{self, Failure},
};

pub(crate) fn run(global: &Global, command: &CacheCommand) -> Result<Exit, Failure> {
    let (loader, untrusted) = client_setup::loader_of_trusted(global)?;
    if let Some(file) = untrusted {
        report::warning(&format!("{} is not trusted and left out", file.path().display()), global);
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
    let told =
        json!({ "path": path.to_string_lossy(), "on": on, "entries": entries, "expired": expired, "bytes": bytes });
    let (path, state) = (path.display(), if on { "on" } else { "off" });
    output::facts(
        &told,
        &format!("path     {path}\nstate    {state}\nentries  {entries}\nexpired  {expired}\nbytes    {bytes}"),
        json,
    )
}

fn clear(disk: &DiskCache, json: bool) -> Result<(), Failure> {
    let removed = disk.clear()?;
    output::facts(&json!({ "removed": removed }), &format!("removed  {removed}"), json)
}

fn prune(disk: &DiskCache, entries: u64, json: bool) -> Result<(), Failure> {
    let Swept { expired, evicted, left_over, .. } = disk.prune(entries)?;
    let told = json!({ "expired": expired, "evicted": evicted, "left_over": left_over });
    let text = format!("expired    {expired}\nevicted    {evicted}\nleft over  {left_over}");
    output::facts(&told, &text, json)
}

fn path(disk: &DiskCache, json: bool) -> Result<(), Failure> {
    let path = disk.folder()?;
    output::facts(&json!({ "path": path.to_string_lossy() }), &path.display().to_string(), json)
}
