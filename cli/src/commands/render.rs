//! `s1crets render`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};

use super::wait;
use crate::{
    args::Global,
    client_setup,
    exit::Exit,
    masks, output, private,
    render::{Template, on_deep_stack},
    report::Failure,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Templates are Jinja's: {{ … }} is written, {% … %} controls, {# … #} is a comment.
  secret(\"REF\")     the value of a secret; a REF without a provider is of --provider
  secrets(\"REF\")    the secrets below a path: values by their names from there on
  … | json          as JSON, quotes included      … | base64   as base64, bytes too
  … | url           percent-encoded               … | shell    as one word of a shell, quotes included
Nothing is escaped without a filter. What is undefined is an error. All secrets are read before anything is written, in \
as few calls as their backends allow; if any is missing, all that are missing are told.

Examples:
  s1crets render app.conf.j2 -o /run/app.conf
  s1crets render app.conf.j2 --check
  echo 'url = postgres://app:{{ secret(\"prod/db#password\") | url }}@db/app' | s1crets render -")]
pub(crate) struct Render {
    /// The template; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    template: PathBuf,
    /// Write it into this file instead of to standard output: whole or not at all, and not if it holds the same already; `-`
    /// is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// The file's mode, in octal
    #[arg(long, value_name = "MODE", default_value = "600", value_parser = mode, requires = "output")]
    mode: u32,
    /// Only tell what is missing: nothing is printed or written
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(global: &Global, args: &Render) -> Result<Exit, Failure> {
    let (name, source) = read(&args.template)?;
    on_deep_stack(|| render(global, args, &name, &source))
}

fn render(global: &Global, args: &Render, name: &str, source: &str) -> Result<Exit, Failure> {
    let template = Template::new(name, source)?;
    let client = client_setup::client(global)?;
    let text = wait(template.render(&client, global))?;
    if args.check {
        return Ok(Exit::Found);
    }
    let secrets = template.secrets();
    masks::tell(global, secrets.iter().map(|(name, secret)| (name.as_str(), secret)))?;
    match &args.output {
        Some(file) => private::write(file, &text, args.mode)?,
        None => output::print(|out| out.write_all(&text))?,
    }
    Ok(Exit::Found)
}

/// A template's name and text.
fn read(path: &Path) -> Result<(String, String), Failure> {
    if path == Path::new("-") {
        let text = io::read_to_string(io::stdin().lock());
        let text = text.map_err(|error| Failure::io("can't read the template from standard input", error))?;
        return Ok(("standard input".to_owned(), text));
    }
    let name = path.display().to_string();
    let text = fs::read_to_string(path);
    Ok((name.clone(), text.map_err(|error| Failure::io(format!("can't read the template {name}"), error))?))
}

fn mode(text: &str) -> Result<u32, &'static str> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or("a mode in octal, such as 600 or 640")
}
