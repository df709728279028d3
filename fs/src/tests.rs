//! Hazards of writing files, one test each.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::{AtomicWrite, Error, NamedTarget, Result, Step, Target, atomic_write::LEFTOVER_AGE, output_path::Walk};

/// Readable and writable by its owner alone.
const MODE: u32 = 0o600;

/// Writes as the command does.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    match Target::of(path)? {
        Target::StandardOutput => panic!("{} is no file", path.display()),
        Target::Open(mut file) => file.write_all(bytes).map_err(|error| Error::new(Step::Write, path, error)),
        Target::Named(target) if target.is_special() => target.write_through(bytes),
        Target::Named(target) => AtomicWrite::default().with_mode(mode).write(&target, bytes),
    }
}

fn named(path: &Path) -> Box<NamedTarget> {
    match Target::of(path).expect("a target") {
        Target::Named(target) => target,
        other => panic!("{other:?} is no name in a folder"),
    }
}

/// The message of the cause.
fn cause(error: Error) -> String {
    std::io::Error::from(error).to_string()
}

#[test]
fn a_new_file_is_private_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    write(&path, b"one", MODE).expect("written");
    assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"one".to_vec(), 0o600));
    write(&path, b"three", 0o640).expect("written");
    assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"three".to_vec(), 0o640));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_file_with_the_same_contents_is_not_replaced_and_gets_the_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    fs::write(&path, b"same").expect("written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
    let before = fs::metadata(&path).expect("there");
    write(&path, b"same", MODE).expect("written");
    let after = fs::metadata(&path).expect("there");
    assert_eq!((before.ino(), before.modified().expect("a time")), (after.ino(), after.modified().expect("a time")));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, b"old").expect("written");
    symlink(&target, &link).expect("a link");
    write(&link, b"new", MODE).expect("written");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read(&target).expect("read"), b"new");
}

#[test]
fn a_dangling_link_stays_and_its_target_is_created() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("real")).expect("a folder");
    let link = folder.path().join("link");
    symlink("real/out", &link).expect("a link");
    write(&link, b"new", MODE).expect("written");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read(folder.path().join("real/out")).expect("read"), b"new");
    symlink("loop", folder.path().join("loop")).expect("a link");
    write(&folder.path().join("loop"), b"x", MODE).expect_err("it leads nowhere");
}

#[test]
fn a_file_that_a_process_holds_open_is_written_to_and_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    fs::write(&path, b"header\n").expect("written");
    let open = OpenOptions::new().append(true).open(&path).expect("there");
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    let before = fs::metadata(&path).expect("there").ino();
    write(Path::new(&name), b"body\n", MODE).expect("written");
    (&open).write_all(b"footer\n").expect("written");
    assert_eq!(fs::read(&path).expect("read"), b"header\nbody\nfooter\n");
    assert_eq!(fs::metadata(&path).expect("there").ino(), before);
}

#[test]
fn a_leftover_of_a_killed_writer_is_removed_once_it_is_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, old, young) = (
        folder.path().join("out"),
        folder.path().join(".out.s1crets-abc.tmp"),
        folder.path().join(".out.s1crets-def.tmp"),
    );
    for left in [&old, &young] {
        fs::write(left, b"hunter2").expect("written");
    }
    let past = SystemTime::now() - 2 * LEFTOVER_AGE;
    File::options().write(true).open(&old).expect("there").set_modified(past).expect("a time");
    write(&path, b"x", MODE).expect("written");
    assert!(!old.exists() && young.exists());
}

/// A file that is written beside an old one for so long that it looks left, since its writer is
/// stopped, say.
#[test]
fn a_temporary_file_that_another_process_is_writing_is_not_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let writing = folder.path().join(".out.s1crets-abc.tmp");
    let file = File::create(&writing).expect("created");
    file.lock().expect("locked");
    file.set_modified(SystemTime::now() - 2 * LEFTOVER_AGE).expect("a time");
    write(&folder.path().join("out"), b"x", MODE).expect("written");
    assert!(writing.exists());
    drop(file);
    write(&folder.path().join("out"), b"y", MODE).expect("written");
    assert!(!writing.exists());
}

/// A user who is neither root nor we.
const STRANGER: u32 = 65534;

/// A folder, and the user that we are in it. Only root can give files to a stranger; any other user
/// is a stranger to its own files here, so that the rules are tried out either way.
struct Shared {
    folder: TempDir,
    we: u32,
}

impl Shared {
    fn new(mode: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("changed");
        let we = geteuid().as_raw();
        Self { folder, we: if we == 0 { 0 } else { we + 1 } }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gives it to a stranger.
    fn give(&self, name: &str) {
        if geteuid().is_root() {
            lchown(self.path(name), Some(STRANGER), None).expect("given");
        }
    }

    fn target(&self, name: &str) -> std::io::Result<Target> {
        let folder = File::open(self.folder.path()).expect("a folder");
        Walk::new(folder.into(), self.we).run(Path::new(name))
    }

    fn refusal(&self, name: &str) -> Option<String> {
        self.target(name).err().map(|error| error.to_string())
    }
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").args(["-m", "666"]).arg(path).status().expect("started");
    assert!(made.success());
}

#[test]
fn a_link_or_fifo_of_another_user_is_refused_in_any_folder() {
    for mode in [0o755, 0o775, 0o777, 0o1777] {
        let shared = Shared::new(mode);
        fs::create_dir(shared.path("inner")).expect("a folder");
        symlink("inner", shared.path("way")).expect("a link");
        symlink("inner/out", shared.path("link")).expect("a link");
        fifo(&shared.path("fifo"));
        for (name, path, kind) in [("link", "link", "link"), ("way", "way/out", "link"), ("fifo", "fifo", "FIFO")] {
            shared.give(name);
            let message = shared.refusal(path).expect("refused");
            assert!(message.starts_with(&format!("the {kind} {name} belongs to user ")), "{mode:o}: {message}");
        }
    }
}

#[test]
fn any_link_or_fifo_is_refused_in_a_folder_that_everybody_can_write_to() {
    for mode in [0o777, 0o1777] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("changed");
        fs::write(path("target"), "old").expect("written");
        symlink("target", path("link")).expect("a link");
        fifo(&path("fifo"));
        for name in ["link", "fifo"] {
            let error = write(&path(name), b"hunter2", MODE).expect_err("refused");
            assert!(cause(error).ends_with("is in a folder that others can write to"));
            let error = Target::of(&path(name)).expect_err("refused, also to append");
            assert!(error.refusal().is_some());
        }
        assert_eq!(fs::read(path("target")).expect("read"), b"old");
        // A plain file and a folder of our own are as good there as anywhere.
        write(&path("plain"), b"x", MODE).expect("written");
        fs::create_dir(path("inner")).expect("a folder");
        write(&path("inner/plain"), b"x", MODE).expect("written");
    }
}

#[test]
fn a_subfolder_of_another_user_is_refused_in_a_shared_folder() {
    for (mode, is_refused) in [(0o1777, true), (0o777, true), (0o755, false)] {
        let shared = Shared::new(mode);
        fs::create_dir(shared.path("inner")).expect("a folder");
        shared.give("inner");
        let message = shared.refusal("inner/out");
        assert_eq!(message.is_some(), is_refused, "{mode:o}: {message:?}");
    }
}

/// Whoever owns it could change it later, and has it open perhaps.
#[test]
fn a_file_of_another_user_in_a_shared_folder_is_replaced_even_with_the_same_contents() {
    let shared = Shared::new(0o777);
    let path = shared.path("out");
    fs::write(&path, "same").expect("written");
    shared.give("out");
    let Target::Named(target) = shared.target("out").expect("a name") else { panic!("a plain file") };
    let before = fs::metadata(&path).expect("there").ino();
    AtomicWrite::default().write(&target, b"same").expect("written");
    let after = fs::metadata(&path).expect("there");
    assert_ne!(before, after.ino());
    assert_eq!((after.uid(), after.mode() & 0o777), (geteuid().as_raw(), 0o600));
}

#[test]
fn a_file_that_replaces_a_checked_fifo_is_not_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fifo");
    fifo(&path);
    let target = named(&path);
    fs::rename(&path, folder.path().join("moved")).expect("moved");
    fs::write(&path, "another's").expect("written");
    target.write_through(b"hunter2").expect_err("it was replaced");
    assert_eq!(fs::read(&path).expect("read"), b"another's");
    target.append().expect_err("it was replaced");
}

/// Between the check and the write, the folder that was checked is moved, and a link to another one
/// takes its place.
#[test]
fn a_folder_swapped_for_a_link_after_the_check_does_not_redirect_the_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["way", "elsewhere"] {
        fs::create_dir(path(name)).expect("a folder");
    }
    let target = named(&path("way/out"));
    fs::rename(path("way"), path("moved")).expect("moved");
    symlink("elsewhere", path("way")).expect("a link");
    AtomicWrite::default().write(&target, b"hunter2").expect("written");
    assert!(path("moved/out").exists() && !path("elsewhere/out").exists());
}

#[test]
fn our_own_links_and_fifos_in_our_own_folders_are_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // As made under a umask of 002.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o775)).expect("changed");
    fs::create_dir(path("inner")).expect("a folder");
    symlink("inner/", path("way")).expect("a link");
    symlink("./way/../inner/out", path("link")).expect("a link");
    write(&path("link"), b"new", MODE).expect("written");
    assert_eq!(fs::read(path("inner/out")).expect("read"), b"new");
    fifo(&path("fifo"));
    let reader = thread::spawn({
        let fifo = path("fifo");
        move || fs::read(fifo).expect("read")
    });
    write(&path("fifo"), b"piped", MODE).expect("written");
    assert_eq!(reader.join().expect("no panic"), b"piped");
    for folder in ["inner", "inner/", "inner/.", "way", "way/", "inner/..", "."] {
        write(&path(folder), b"x", MODE).expect_err("a folder");
    }
    for missing in ["", "none/out", "inner/none/"] {
        write(&path("inner").join(missing), b"x", MODE).expect_err("no such place");
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
    let error = write(Path::new("/nonexistent/out"), b"x", MODE).expect_err("no folder");
    assert_eq!((error.step(), error.kind()), (Step::Resolve, std::io::ErrorKind::NotFound));
    assert_eq!(error.path(), Path::new("/nonexistent/out"));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    fs::write(&path, "old").expect("written");
    let target = named(&path);
    // Something that can't be replaced by a file appears in its place.
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a folder");
    let error = AtomicWrite::default().write(&target, b"new").expect_err("a folder is in the way");
    assert_eq!(error.step(), Step::Rename);
    assert_eq!(names(&folder), ["out"]);
}

#[test]
fn a_read_only_folder_is_an_error_and_the_old_file_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("out"), "old").expect("written");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("changed");
    if File::create(folder.path().join("probe")).is_ok() {
        // The superuser may write everywhere.
        return;
    }
    let error = write(&folder.path().join("out"), b"new", MODE).expect_err("read-only");
    assert_eq!((error.step(), error.kind()), (Step::Create, std::io::ErrorKind::PermissionDenied));
    assert_eq!(fs::read(folder.path().join("out")).expect("read"), b"old");
}

#[test]
fn owner_group_and_mode_of_the_replaced_file_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    fs::write(&path, "old").expect("written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o440)).expect("changed");
    if geteuid().is_root() {
        lchown(&path, Some(12345), Some(23456)).expect("given");
    }
    let before = fs::metadata(&path).expect("there");
    let target = named(&path);
    AtomicWrite::default()
        .with_access_of(&File::open(&path).expect("opened"))
        .expect("read")
        .begin(&target, b"new")
        .expect("written")
        .commit()
        .expect("in place");
    let after = fs::metadata(&path).expect("there");
    assert_ne!(before.ino(), after.ino());
    assert_eq!((before.mode(), before.uid(), before.gid()), (after.mode(), after.uid(), after.gid()));
}

#[test]
fn a_write_that_is_given_up_before_the_rename_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    write(&path, b"old", MODE).expect("written");
    let target = named(&path);
    let pending = AtomicWrite::default().begin(&target, b"new").expect("written beside it");
    assert_eq!(names(&folder).len(), 2);
    drop(pending);
    assert_eq!((fs::read(&path).expect("read"), names(&folder)), (b"old".to_vec(), vec!["out".to_owned()]));
}

#[test]
fn a_new_file_never_replaces_one_that_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let write = AtomicWrite::default().with_mode(0o400);
    let targets = [named(&path), named(&path)];
    assert!(write.create_new(&targets[0], b"first").expect("created"));
    assert!(!write.create_new(&targets[1], b"second").expect("left"));
    assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"first".to_vec(), 0o400));
    assert_eq!(names(&folder), ["out"]);
}

#[test]
fn concurrent_writers_leave_one_whole_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let text = |writer: usize| vec![b'a' + writer as u8; 10_000 + writer];
    thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for round in 0..25 {
                    // With age zero, each takes the files of the others for leftovers unless they
                    // are locked.
                    let write = AtomicWrite::default().with_leftover_age(Duration::ZERO);
                    let target = named(path);
                    write.write(&target, &text(writer)).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
                    let seen = fs::read(path).expect("there");
                    assert!((0..4).any(|writer| seen == text(writer)), "a torn file");
                }
            });
        }
    });
    assert_eq!(names(&folder), ["out"]);
}

/// This test's own executable as another process, which writes until it is killed.
fn writing_process(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("a test"));
    command.args(["--exact", "tests::body_of_the_writing_process", "--nocapture"]).stdout(Stdio::null());
    command.env("S1CRETS_TEST_WRITE", path).spawn().expect("started")
}

#[test]
fn body_of_the_writing_process() {
    let Some(path) = std::env::var_os("S1CRETS_TEST_WRITE") else { return };
    for round in 0_u64.. {
        let text = format!("{round}").repeat(20_000);
        write(Path::new(&path), text.as_bytes(), MODE).expect("written");
    }
}

#[test]
fn a_writer_killed_at_any_moment_leaves_a_whole_private_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    for kill in 0..40 {
        let _ = fs::remove_file(&path);
        let mut child = writing_process(&path);
        let started = Instant::now();
        while !path.exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "its first write");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_micros(kill * 137 % 4000));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let text = fs::read_to_string(&path).expect("whole");
        let round = &text[..text.len() / 20_000];
        assert_eq!((text == round.repeat(20_000), mode(&path)), (true, MODE));
        for name in names(&folder) {
            assert_eq!(mode(&folder.path().join(&name)), MODE, "{name}");
        }
    }
    let target = named(&path);
    AtomicWrite::default().with_leftover_age(Duration::ZERO).write(&target, b"last").expect("written");
    assert_eq!(names(&folder), ["out"], "the next writer removes what they left");
}

#[test]
fn a_private_folder_refuses_links_other_owners_and_open_modes() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("a/private");
    let folder = crate::Folder::create(&path).expect("created");
    assert_eq!(mode(&path), 0o700);
    folder.temp_file("t-", b"x").expect("written").replace("file").expect("in place");
    assert_eq!((&folder.read("file", 1).expect("read")[..], mode(&path.join("file"))), (&b"x"[..], MODE));
    assert!(folder.read("file", 0).is_err(), "larger than the limit");
    symlink("file", path.join("link")).expect("a link");
    fifo(&path.join("fifo"));
    for name in ["link", "fifo"] {
        assert!(folder.file(name, rustix::fs::OFlags::RDONLY).is_err(), "{name}");
    }
    symlink("private", place.path().join("a/link")).expect("a link");
    assert!(crate::Folder::open(&place.path().join("a/link")).is_err(), "a link");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("changed");
    let error = crate::Folder::open(&path).expect_err("others may look into it");
    assert_eq!(error.step(), Step::Check);
    assert_eq!(error.refusal().expect("refused").hint, format!("chmod 700 {}", path.display()));
}

fn names(folder: &TempDir) -> Vec<String> {
    let names = fs::read_dir(folder.path()).expect("a folder");
    names.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect()
}

#[test]
fn a_name_of_the_longest_length_can_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["x".repeat(255), format!("x{}", "\u{e9}".repeat(127))] {
        let path = folder.path().join(name);
        write(&path, b"one", MODE).expect("written");
        write(&path, b"two", MODE).expect("replaced");
        assert_eq!(fs::read(&path).expect("read"), b"two");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing is left beside them");
}

/// Access control lists. In a file's mode, the group's bits are the list's mask if there is one.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod access_lists {
    use rustix::{
        fs::{XattrFlags, getxattr, setxattr},
        io::Errno,
    };

    use super::*;

    const ACCESS: &str = "system.posix_acl_access";
    const DEFAULT: &str = "system.posix_acl_default";

    /// Rights for the owner, one other user and the mask; none for the group and others.
    fn list() -> Vec<u8> {
        let entries: [(u16, u16, u32); 5] =
            [(1, 6, u32::MAX), (2, 4, 4711), (4, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            list.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
            list.extend(id.to_le_bytes());
        }
        list
    }

    fn of(path: &Path) -> Option<Vec<u8>> {
        let mut list = [0; 1024];
        match getxattr(path, ACCESS, &mut list[..]) {
            Ok(length) => Some(list[..length].to_vec()),
            Err(Errno::NODATA) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether the file system has such lists.
    fn set(path: &Path, name: &str) -> bool {
        match setxattr(path, name, &list(), XattrFlags::empty()) {
            Ok(()) => true,
            Err(Errno::NOTSUP) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn replace(path: &Path) {
        let old = File::open(path).expect("opened");
        AtomicWrite::default().with_access_of(&old).expect("read").write(&named(path), b"new").expect("replaced");
        assert_eq!(fs::read(path).expect("read"), b"new");
    }

    #[test]
    fn a_file_that_is_replaced_keeps_its_access_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets");
        fs::write(&path, b"old").expect("written");
        if !set(&path, ACCESS) {
            return;
        }
        let before = mode(&path);
        replace(&path);
        assert_eq!((of(&path), mode(&path)), (Some(list()), before));
    }

    #[test]
    fn a_file_that_is_replaced_gets_no_access_list_from_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets");
        fs::write(&path, b"old").expect("written");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("changed");
        if !set(folder.path(), DEFAULT) {
            return;
        }
        replace(&path);
        assert_eq!((of(&path), mode(&path)), (None, 0o640));
    }
}
