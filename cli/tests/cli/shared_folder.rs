//! Output paths in folders that others can write to: a link, FIFO or file of another user gets no secret, and causes no
//! file to be overwritten.

use std::{
    fs::{self, Permissions},
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
};

use assert_cmd::Command;
use predicates::prelude::*;
use rustix::{fs::OFlags, process::geteuid};
use tempfile::TempDir;

use crate::{example, s1crets};

const VALUE: &str = "correct-horse-battery-staple";
const STRANGER: u32 = 65534;

/// A folder like `/tmp`, and a file of ours beside it that another user tries to overwrite.
struct Shared {
    _root: TempDir,
    folder: PathBuf,
    precious: PathBuf,
}

impl Shared {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (folder, precious) = (root.path().join("tmp"), root.path().join("precious"));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o1777)).unwrap();
        fs::write(&precious, "precious").unwrap();
        Self { folder, precious, _root: root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A link to our file, as a stranger would put it there.
    fn plant_link(&self, name: &str) -> PathBuf {
        symlink(&self.precious, self.path(name)).unwrap();
        give(&self.path(name));
        self.path(name)
    }

    fn assert_untouched(&self) {
        assert_eq!(fs::read_to_string(&self.precious).unwrap(), "precious");
        for entry in fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()) {
            assert!(!entry.file_name().unwrap().to_string_lossy().starts_with('.'), "{entry:?} is left");
        }
    }
}

/// Only root can change a file's owner. For any other user the file stays its own, which is refused in such a folder too,
/// but for another reason: see [`refusal`].
fn give(path: &Path) {
    if geteuid().is_root() {
        lchown(path, Some(STRANGER), None).unwrap();
    }
}

fn refusal(kind: &str, path: &Path) -> String {
    let why = match geteuid().is_root() {
        true => format!("belongs to user {STRANGER}, not to you or root"),
        false => "is in a folder that others can write to".to_owned(),
    };
    format!("the {kind} {} {why}", path.display())
}

/// Every command that writes a secret to a given path.
fn writers(folder: &Path, file: &Path, output: &Path) -> Vec<Command> {
    fs::write(folder.join("t.j2"), "{{ secret('app/db#password') }}").unwrap();
    let command = |arguments: &[&str]| {
        let mut command = s1crets();
        command.current_dir(folder).env("S1CRETS_FILE", file).env("S1CRETS_PROVIDER", "file").args(arguments);
        command
    };
    let pair = "DB=file://app/db#password";
    let (mut render, mut export, mut github) = (
        command(&["render", "t.j2", "-o"]),
        command(&["export", "-f", "dotenv", pair, "-o"]),
        command(&["export", "-f", "github-env", pair]),
    );
    render.arg(output);
    export.arg(output);
    github.env("GITHUB_ENV", output);
    vec![render, export, github]
}

#[test]
fn a_link_that_a_stranger_put_at_the_output_path_gets_no_secret() {
    let (folder, file) = example();
    let shared = Shared::new();
    let link = shared.plant_link("out");
    for mut command in writers(folder.path(), &file, &link) {
        let told = predicate::str::contains(refusal("link", &link)).and(predicate::str::contains("hint: "));
        command.assert().code(5).stdout("").stderr(told.and(predicate::str::contains(VALUE).not()));
    }
    shared.assert_untouched();
}

#[test]
fn a_link_that_a_stranger_put_on_the_way_to_the_output_path_gets_no_secret() {
    let (folder, file) = example();
    let shared = Shared::new();
    let theirs = tempfile::tempdir().unwrap();
    symlink(theirs.path(), shared.path("way")).unwrap();
    give(&shared.path("way"));
    for mut command in writers(folder.path(), &file, &shared.path("way/out")) {
        let told = predicate::str::contains(refusal("link", &shared.path("way")));
        command.assert().code(5).stdout("").stderr(told);
    }
    assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
    shared.assert_untouched();
}

#[test]
fn a_fifo_that_a_stranger_put_at_the_output_path_gets_no_secret() {
    let (folder, file) = example();
    let shared = Shared::new();
    let fifo = shared.path("out");
    assert!(std::process::Command::new("mkfifo").args(["-m", "666"]).arg(&fifo).status().unwrap().success());
    give(&fifo);
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let mut reader = fs::OpenOptions::new().read(true).custom_flags(flags).open(&fifo).unwrap();
    for mut command in writers(folder.path(), &file, &fifo) {
        command.assert().code(5).stdout("").stderr(predicate::str::contains(refusal("FIFO", &fifo)));
    }
    let mut got = Vec::new();
    // Nobody has it open for writing, so that is its end.
    reader.read_to_end(&mut got).unwrap();
    assert_eq!(String::from_utf8(got).unwrap(), "");
}

/// With a group of its own on the folder, or a file system of its own, its owner might read what is written there.
#[test]
fn a_folder_that_a_stranger_made_in_a_shared_one_gets_no_secret() {
    let (folder, file) = example();
    let shared = Shared::new();
    let theirs = shared.path("theirs");
    fs::create_dir(&theirs).unwrap();
    give(&theirs);
    for mut command in writers(folder.path(), &file, &theirs.join("out")) {
        match geteuid().is_root() {
            true => {
                let why = format!("the folder {} belongs to user {STRANGER}", theirs.display());
                command.assert().code(5).stderr(predicate::str::contains(why));
                assert!(!theirs.join("out").exists());
            }
            // The folder is the user's own, and works.
            false => drop(command.assert().success()),
        }
    }
}

#[test]
fn a_file_that_a_stranger_put_at_the_output_path_is_not_written_into() {
    let (folder, file) = example();
    let shared = Shared::new();
    let out = shared.path("out");
    for mut command in writers(folder.path(), &file, &out).drain(..2) {
        fs::write(&out, "theirs").unwrap();
        fs::set_permissions(&out, Permissions::from_mode(0o666)).unwrap();
        give(&out);
        let mut theirs = fs::File::open(&out).unwrap();
        command.assert().success();
        let mut held = String::new();
        theirs.read_to_string(&mut held).unwrap();
        assert_eq!(held, "theirs");
        let found = fs::metadata(&out).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o777), (geteuid().as_raw(), 0o600));
    }
}

/// An appended file keeps what others wrote, so it is refused.
#[test]
fn a_file_of_a_stranger_in_a_shared_folder_gets_no_variables_of_a_job() {
    let (folder, file) = example();
    let shared = Shared::new();
    let out = shared.path("out");
    fs::write(&out, "theirs\n").unwrap();
    give(&out);
    let told = predicate::str::contains("it belongs to another user, in a world-writable folder");
    writers(folder.path(), &file, &out).remove(2).assert().code(5).stderr(told);
    assert_eq!(fs::read_to_string(&out).unwrap(), "theirs\n");
    // In a folder of one's own it is somebody's who may write there, such as a runner's for a container's root.
    let own = folder.path().join("runner");
    fs::write(&own, "").unwrap();
    give(&own);
    writers(folder.path(), &file, &own).remove(2).assert().success();
}

#[test]
fn a_manual_page_is_not_written_to_where_a_strangers_link_leads() {
    let shared = Shared::new();
    let link = shared.plant_link("s1crets-get.1");
    let mut command = s1crets();
    command.arg("man").arg(&shared.folder);
    command.assert().code(5).stderr(predicate::str::contains(refusal("link", &link)));
    assert_eq!(fs::read_to_string(&shared.precious).unwrap(), "precious");
    // Nor are folders created there.
    let theirs = tempfile::tempdir().unwrap();
    symlink(theirs.path(), shared.path("share")).unwrap();
    give(&shared.path("share"));
    s1crets().arg("man").arg(shared.path("share/man/man1")).assert().code(5);
    assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
}

#[test]
fn own_links_and_standard_output_work_as_before() {
    let (folder, file) = example();
    let own = tempfile::tempdir().unwrap();
    fs::write(own.path().join("target"), "old").unwrap();
    symlink("target", own.path().join("link")).unwrap();
    for mut command in writers(folder.path(), &file, &own.path().join("link")) {
        fs::write(own.path().join("target"), "old").unwrap();
        command.assert().success().stdout("");
        assert!(fs::read_to_string(own.path().join("target")).unwrap().contains(VALUE));
        assert!(own.path().join("link").symlink_metadata().unwrap().is_symlink());
    }
    for output in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/self/../self/fd/1"] {
        for mut command in writers(folder.path(), &file, Path::new(output)) {
            command.assert().success().stdout(predicate::str::contains(VALUE));
        }
    }
    for mut command in writers(folder.path(), &file, Path::new("/dev/null")) {
        command.assert().success().stdout("");
    }
}
