//! `render`: look-ups, filters, errors and output files.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use predicates::prelude::*;
use tempfile::TempDir;

use crate::{example, s1crets};

const VALUE: &str = "correct-horse-battery-staple";

/// A folder with a fetcher file and this template, and the command that renders it.
fn render(template: &str) -> (TempDir, PathBuf, assert_cmd::Command) {
    let (folder, file) = example();
    fs::write(folder.path().join("t.j2"), template).unwrap();
    let mut command = s1crets();
    command.current_dir(folder.path()).args(["render", "t.j2"]);
    command.env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file");
    (folder, file, command)
}

fn write_secrets(file: &Path, secrets: &str) {
    fs::write(file, format!("{{\"secrets\": {secrets}}}")).unwrap();
}

#[test]
fn a_template_looks_up_secrets_by_reference_and_by_path() {
    let template = "# {# nothing #}\nuser = {{ secret('app/db#username') }}\npassword = {{ secret('file://app/db#password') | json }}\n\
                    {% for name, value in secrets('file://app') | items %}{{ name }}: {{ value | length > 0 }}\n{% endfor %}";
    let (_folder, _, mut command) = render(template);
    let out = format!("# \nuser = app\npassword = \"{VALUE}\"\napi-token: True\ndb: True\n");
    command.assert().success().stdout(predicate::str::starts_with(out)).stderr("");
}

#[test]
fn filters_quote_values_for_their_context() {
    let template = "{{ secret('a#v') | json }} {{ secret('a#v') | base64 }} {{ secret('a#v') | url }} {{ secret('a#v') | shell }} {{ secret('a#v') }}\n\
                    {{ [1, 'x', none, true] | json }} {{ {'a': 1.5} | json }} {{ secret('a#b') | base64 }}";
    let (_folder, file, mut command) = render(template);
    write_secrets(&file, r#"{"a": {"v": "a'b \"<&>é/\n", "b": "x"}}"#);
    let out = "\"a'b \\\"<&>é/\\n\" YSdiICI8Jj7DqS8K a%27b%20%22%3C%26%3E%C3%A9%2F%0A 'a'\\''b \"<&>é/\n' a'b \"<&>é/\n\n\
               [1,\"x\",null,true] {\"a\":1.5} eA==";
    command.assert().success().stdout(out);
}

#[test]
fn a_look_up_may_depend_on_another_secret() {
    let template = "{% if secret('mode#v') == 'on' %}{{ secret(secret('which#v')) }}{% else %}{{ secret('never') }}{% endif %}\
                    {% for name in secrets('list') %}|{{ secret('list/' ~ name ~ '#v') }}{% endfor %}";
    let (_folder, file, mut command) = render(template);
    write_secrets(
        &file,
        r#"{"mode": {"v": "on"}, "which": {"v": "b#v"}, "b": {"v": "bee"}, "list/x": {"v": "ex"}, "list/y": {"v": "why"}}"#,
    );
    command.assert().success().stdout("bee|ex|why");
}

#[test]
fn a_reference_built_from_a_value_is_not_shown_in_any_encoding() {
    for made in [
        "'app/' ~ secret('app/db#password')",
        "secret('app/db#password') | base64",
        "'app/db#' ~ secret('app/db#password') | upper",
        "secret('app/db#password')[1:]",
        "secret('app/db#password') | reverse",
        "secret('app/db#password') | replace('-', '_')",
    ] {
        for asked in ["secret", "secrets"] {
            let (_folder, _, mut command) = render(&format!("{{{{ {asked}({made}) }}}}"));
            let output = command.assert().code(predicate::in_iter([1, 2])).stdout("").get_output().stderr.clone();
            let message = String::from_utf8(output).unwrap();
            assert_eq!(
                message,
                "s1crets: a reference that the template builds can't be read; it isn't shown because it may contain a secret\n"
            );
        }
    }
}

#[test]
fn undefined_values_are_errors_with_every_filter_and_within_other_values() {
    for expression in [
        "secrets('app').nope",
        "secrets('app').nope | json",
        "secrets('app').nope | shell",
        "secrets('app').nope | url",
        "secrets('app').nope | base64",
        "[nope] | json",
        "{'a': [nope]} | json",
        "{'a': nope}",
    ] {
        let (_folder, _, mut command) = render(&format!("{{{{ {expression} }}}}"));
        command.assert().code(2).stdout("").stderr(predicate::str::contains("t.j2:1: undefined value"));
        command.arg("--check").assert().code(2);
    }
}

#[test]
fn many_listings_are_read_in_one_round() {
    let listings: Vec<_> = (0..40).map(|index| format!("{{{{ secrets('list{index}').x | json }}}}")).collect();
    let (_folder, file, mut command) = render(&listings.concat());
    let kept: Vec<_> = (0..40).map(|index| format!(r#""list{index}/x": {{"v": "1"}}"#)).collect();
    write_secrets(&file, &format!("{{{}}}", kept.join(",")));
    command.assert().success().stdout(r#""{\"v\":\"1\"}""#.repeat(40));
}

#[test]
fn output_to_dev_stdout_does_not_replace_the_file_behind_it() {
    let (folder, file) = example();
    fs::write(folder.path().join("t.j2"), "{{ secret('app/db#username') }}\n").unwrap();
    fs::write(folder.path().join("all"), "old\n").unwrap();
    let command = assert_cmd::cargo::cargo_bin("s1crets");
    for output in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let script =
            format!("{{ echo header; \"$0\" render t.j2 -o {output}; echo footer; }} >> all; cat all; echo old > all");
        let mut shell = assert_cmd::Command::new("sh");
        shell.current_dir(folder.path()).args(["-c", &script]).arg(&command);
        shell.env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file");
        shell.assert().success().stdout("old\nheader\napp\nfooter\n").stderr("");
    }
}

/// At whatever moment the signal comes, the file is the old or the new one, and no other file is
/// left.
#[test]
fn sigterm_during_a_render_leaves_no_partial_file() {
    let long = "x".repeat(4 << 20);
    let (folder, file) = example();
    fs::write(folder.path().join("t.j2"), format!("{long}{{{{ secret('app/db#username') }}}}")).unwrap();
    let out = folder.path().join("out");
    let render = || {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
        command.current_dir(folder.path()).env_clear().env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file");
        command.args(["render", "t.j2", "-o", "out"]).spawn().unwrap()
    };
    let whole = std::time::Instant::now();
    assert!(render().wait().unwrap().success());
    let whole = whole.elapsed();
    for round in 0..40 {
        fs::write(&out, "old").unwrap();
        let mut child = render();
        std::thread::sleep(whole * round / 40);
        let sent = std::process::Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
        let status = child.wait().unwrap();
        assert!(
            status.success() || !sent.success() || std::os::unix::process::ExitStatusExt::signal(&status) == Some(15)
        );
        let held = fs::read_to_string(&out).unwrap();
        assert!(held == "old" || held == format!("{long}app"), "{} bytes", held.len());
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }
}

#[test]
fn all_missing_secrets_are_reported_and_nothing_is_written() {
    let template =
        "{{ secret('nope') }}{{ secret('app/db#nope') }}{{ secrets('nowhere') }}{{ secret('nope') }}{{ 1 + 'x' }}";
    let (folder, _, mut command) = render(template);
    fs::write(folder.path().join("out"), "old").unwrap();
    let output = command.args(["-o", "out"]).assert().code(1).stdout("").get_output().stderr.clone();
    let message = String::from_utf8(output).unwrap();
    assert_eq!(message.matches("file://nope: ").count(), 1, "{message}");
    assert!(
        message.contains("file://app/db#nope") && message.contains("there is no secret below nowhere"),
        "{message}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "old");
    command.arg("--check").assert().code(1);
}

#[test]
fn check_prints_and_writes_nothing() {
    let (folder, _, mut command) = render("{{ secret('app/db#password') }}");
    command.args(["--check", "-o", "out"]).assert().success().stdout("").stderr("");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn an_output_file_is_private_and_left_alone_if_unchanged() {
    let (folder, file, mut command) = render("{{ secret('app/db#password') }}\n");
    command.args(["-o", "out"]).assert().success().stdout("");
    let out = folder.path().join("out");
    let before = fs::metadata(&out).unwrap();
    assert_eq!((fs::read_to_string(&out).unwrap(), before.mode() & 0o7777), (format!("{VALUE}\n"), 0o600));
    command.assert().success();
    let after = fs::metadata(&out).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    write_secrets(&file, r#"{"app/db": {"password": "new"}}"#);
    command.args(["--mode", "640"]).assert().success();
    assert_eq!(
        (fs::read_to_string(&out).unwrap(), fs::metadata(&out).unwrap().permissions().mode() & 0o777),
        ("new\n".into(), 0o640)
    );
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn an_error_shows_file_and_line_and_never_a_value() {
    for (template, message) in [
        ("a\n{{ secret('app/db#password') + 1 }}", "t.j2:2: invalid operation"),
        ("{% set x = secret('app/db#password') %}\n\n{{ x.y.z }}", "t.j2:3: undefined value in `"),
        ("{{ secret('app/db#password') | nope }}", "t.j2:1: unknown filter: filter nope is unknown"),
        ("{% set x = secret('app/db#password') %}{{ x() }}", "t.j2:1: "),
        ("{{ secret('app/db#password')[secret('app/db#password')] }}", "t.j2:1: undefined value"),
        ("{{ secret('app/db#password') | int }}", "t.j2:1: invalid operation"),
        ("{{ unknown }}", "t.j2:1: undefined value in `unknown`"),
        ("\n{% if %}", "t.j2:2: syntax error: "),
        ("{{ debug() }}", "t.j2:1: "),
        ("{% include 'x' %}", "t.j2:1: syntax error: "),
        ("{{ secret(1) }}", "t.j2:1: "),
        ("{{ 1 | round(**{secret('app/db#password'): 1}) }}", "t.j2:1: too many arguments"),
        ("{{ [1] | sort(**{secret('app/db#password'): 1}) }}", "t.j2:1: too many arguments"),
    ] {
        let (_folder, _, mut command) = render(template);
        for verbose in ["--json", "-v", "-vvv"] {
            let output = command.arg(verbose).assert().code(2).stdout("").get_output().stderr.clone();
            let output = String::from_utf8(output).unwrap();
            assert!(output.contains(message), "{template}: {output}");
            assert!(!output.contains("correct-horse"), "{template}: {output}");
        }
    }
}

#[test]
fn a_mistake_brings_what_was_meant() {
    for (template, hint) in [
        ("{{ secert('app/db#password') }}", "did you mean `secret`?"),
        ("{{ get_secret('app/db#password') }}", "did you mean `secret`?"),
        ("{{ lookup('app/db#password') }}", "did you mean `secret`?"),
        ("{{ secretz('app') }}", "did you mean `secret`?"),
        ("{{ list('app') }}", "did you mean `secrets`?"),
        ("{{ env('HOME') }}", "look up a secret with secret(\"REF#KEY\")"),
        ("{{ secret('app/db#password') | tojson }}", "did you mean `json`?"),
        ("{{ secret('app/db#password') | b64encode }}", "did you mean `base64`?"),
        ("{{ secret('app/db#password') | jsno }}", "did you mean `json`?"),
        ("{{ secret('app/db#password') | urlencode }}", "did you mean `url`?"),
        ("{{ secret('app/db#password') | quote }}", "did you mean `shell`?"),
        ("{{ secret('app/db#password') | uper }}", "did you mean `upper`?"),
        ("{{ secret('app/db#password') | nope }}", "the filters of s1crets are json, url, base64, shell"),
        ("{{ secret('vualt://secret/app#password') }}", "did you mean `vault.kv`?"),
        ("{{ secret('AWS.SM://prod/db') }}", "did you mean `aws.sm`?"),
        ("{{ secret('aws.sm:prod/db#password') }}", "write aws.sm://prod/db#password"),
        ("{{ secrets('vault://secret/') }}", "did you mean `vault.kv`?"),
        ("{{ secret('app/db').password }}", "a key is part of the reference: secret(\"app/db#password\")"),
        ("{{ secret('app/db')['password'] }}", "a key is part of the reference: secret(\"app/db#password\")"),
        ("{% set x = secret('app/db') %}{{ x.password }}", "its keys are part of the reference: secret(\"REF#KEY\")"),
        ("{{ secrets('app').bd }}", "did you mean \"db\"?"),
        ("{{ secrets('app').nothing }}", "`is defined`"),
        ("{{ DB_PASSWORD }}", "a template has no variables but its own; look up a secret with secret("),
        ("{{ with secret \"secret/app\" }}", "look up a secret with secret(\"REF#KEY\")"),
        ("{{ secret }}", "look up a secret with secret(\"REF#KEY\")"),
        ("{{ secret | json }}", "look up a secret with secret(\"REF#KEY\")"),
        ("{{ secrets | default('x') }}", "look up a secret with secret(\"REF#KEY\")"),
        ("{{ secret('app/db', 'password') }}", "look up a secret with secret(\"REF#KEY\")"),
        ("{{ secret(app/db) }}", "look up a secret with secret("),
        ("{{ secret() }}", "look up a secret with secret(\"REF#KEY\")"),
        ("{{ secret('app/db' }}", "look up a secret with secret(\"REF#KEY\")"),
    ] {
        let (_folder, _, mut command) = render(template);
        let output = command.assert().code(2).stdout("").get_output().stderr.clone();
        let told = String::from_utf8(output).unwrap();
        assert!(told.contains("\n  hint: ") && told.contains(hint), "{template}: {told}");
        assert!(!told.contains("correct-horse"), "{template}: {told}");
    }
}

/// What a value is like is told no more than the value itself.
#[test]
fn a_hint_is_not_made_from_a_value() {
    let (_folder, file, mut command) = render("{{ secrets('list')[secret('a#v')] }}");
    write_secrets(&file, r#"{"a": {"v": "hunter1"}, "list/hunter2": {"v": "x"}}"#);
    command.assert().code(2).stderr(predicate::str::contains("hunter").not());
}

#[test]
fn a_byte_order_mark_is_not_rendered() {
    let (_folder, _, mut command) = render("\u{feff}user = {{ secret('app/db#username') }}\n");
    command.assert().success().stdout("user = app\n");
}

#[test]
fn a_template_may_come_from_standard_input() {
    let (_folder, file) = example();
    let mut command = s1crets();
    command.args(["render", "-"]).env("S1CRETS_FILE", &file);
    command
        .write_stdin("{{ secret('file://app/db#password') | shell }}")
        .assert()
        .success()
        .stdout(format!("'{VALUE}'"));
    command.write_stdin("{{ x }}").assert().code(2).stderr(predicate::str::contains("stdin:1: undefined value"));
}

#[test]
fn no_file_name_turns_on_auto_escaping() {
    for name in ["page.html", "data.json", "data.xml.j2"] {
        let (folder, file) = example();
        write_secrets(&file, r#"{"a": {"v": "<&\"'>"}}"#);
        fs::write(folder.path().join(name), "{{ secret('file://a#v') }}").unwrap();
        let mut command = s1crets();
        command.current_dir(folder.path()).args(["render", name]).env("S1CRETS_FILE", &file);
        command.assert().success().stdout("<&\"'>");
    }
}

#[test]
fn a_dash_means_standard_output() {
    let (folder, _, mut command) = render("{{ secret('app/db#password') }}");
    command.args(["-o", "-"]).assert().success().stdout(VALUE);
    assert!(!folder.path().join("-").exists());
}

/// A template up to the allowed length. Each piece nests an expression or a value one level deeper.
fn deep(begin: &str, piece: &str, end: &str) -> String {
    deep_by(256 * 1024, begin, piece, end)
}

fn deep_by(bytes: usize, begin: &str, piece: &str, end: &str) -> String {
    let room = bytes - begin.len() - end.len();
    [begin, &piece.repeat(room / piece.len()), end].concat()
}

#[test]
fn no_template_overflows_the_stack() {
    let templates = [
        // Shorter, because joining texts takes quadratic time.
        (deep_by(40_000, "{{ 'a'", "~'a'", " }}"), Some(0)),
        (deep_by(40_000, "{{ a", "~a", " }}"), Some(2)),
        (deep("{{ 1", "+1", " }}"), Some(0)),
        (deep("{{ 1", " and 1", " }}"), Some(0)),
        (deep("{{ 1", "**1", " }}"), Some(0)),
        (deep("{{ ", "-", "1 }}"), Some(0)),
        (deep("{{ ", "not ", "1 }}"), Some(0)),
        (deep("{{ ", "1 if 1 else ", "1 }}"), Some(0)),
        (deep("{{ 1", " is defined", " }}"), Some(0)),
        (deep("{{ 'a'", "|upper", " }}"), Some(0)),
        (deep("{{ a", ".b", " }}"), Some(2)),
        (deep("{{ a", "[0]", " }}"), Some(2)),
        (deep("{{ a", "()", " }}"), Some(2)),
        (deep("{% if 0 %}", "{% elif 0 %}", "{% endif %}"), Some(0)),
        (deep("{% if 1 %}", "{% if 1 %}", ""), Some(2)),
        (deep("{{ ", "(", ""), Some(2)),
        // Values nested by the text and by a loop: freed, written, compared.
        (deep("{% set x=1 %}", "{%set x=[x]%}", ""), Some(0)),
        (deep("{% set x=1 %}", "{%set x=[x]%}", "{{ x ~ '' }}"), None),
        (deep("{% set x=1 %}", "{%set x=[x]%}", "{{ x|json }}"), None),
        (deep("{% set x=1 %}", "{%set x={1:x}%}", "{{ x }}"), None),
        (deep_by(100_000, "{% set x=[1] %}", "{%set x=x+[1]%}", "{{ x == 1 }}"), None),
        ("{% set n=namespace(v=1) %}{% for i in range(90000) %}{% set n.v=[n.v] %}{% endfor %}".to_owned(), Some(0)),
        (
            "{% set n=namespace(v=1) %}{% for i in range(90000) %}{% set n.v=[n.v] %}{% endfor %}{{ n.v ~ '' }}".into(),
            None,
        ),
        ("{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}".to_owned(), Some(2)),
    ];
    for (template, status) in templates {
        let (_folder, _, mut command) = render(&template);
        let output = command.output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        let begin: String = template.chars().take(60).collect();
        // Some exceed bounds of the engine itself: that is an error like any other.
        let code = output.status.code().unwrap_or_else(|| panic!("{begin}: {} {message}", output.status));
        assert!(status.map_or(matches!(code, 0 | 2), |status| status == code), "{begin}: {code} {:.300}", message);
        assert!(message.len() < 400, "{begin}: {message:.600}");
    }
}

#[test]
fn a_template_that_is_too_long_or_runs_too_long_is_refused() {
    // Text before the first tag and after the last may be of any length.
    let text = "x".repeat(1024 * 1024);
    let (_folder, _, mut command) = render(&format!("{text}{{{{ 1 }}}}{text}"));
    command.assert().success().stdout(format!("{text}1{text}"));
    let (_folder, _, mut command) = render(&format!("{{{{ 1 }}}}{text}{{{{ 1 }}}}"));
    command.assert().code(2).stdout("").stderr(predicate::str::contains("too long for a template"));
    let endless = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}";
    let (_folder, _, mut command) = render(endless);
    command.assert().code(2).stdout("").stderr(predicate::str::contains("more than 1000000 steps"));
}
