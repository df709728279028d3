//! `s1crets render`: fills secrets into a template.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};

use super::wait_and_shut_down;
use crate::{
    args::Global,
    ci_masks, client_setup,
    exit::Exit,
    output, private,
    render::{Template, on_deep_stack},
    report::Failure,
    staleness,
};

#[derive(Debug, Args)]
#[command(after_long_help = "\
Template language: Jinja, where {{ … }} prints, {% … %} controls and {# … #} comments.
  secret(\"REF\")    value of a secret; a REF without a provider is read from the default provider
  secrets(\"REF\")   secrets below a path: a map from the rest of the name to the value
  … | json         JSON, with its quotes
  … | url          percent-encoding
  … | base64       base64, also of binary values
  … | shell        one quoted word for a shell
Without a filter nothing is escaped. Undefined names are errors.

Examples:
  s1crets render app.conf.j2 -o /run/app.conf
  s1crets render app.conf.j2 --check
  echo 'url = postgres://app:{{ secret(\"prod/db#password\") | url }}@db/app' | s1crets render -")]
pub(crate) struct Render {
    /// Template file; `-` is stdin
    #[arg(value_hint = ValueHint::FilePath)]
    template: PathBuf,
    /// Write to this file instead of stdout; `-` is stdout
    ///
    /// The file is replaced atomically, and left alone if its content is the same.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Set the mode of the file, in octal
    #[arg(long, value_name = "MODE", default_value = "600", value_parser = mode, requires = "output")]
    mode: u32,
    /// Check that all secrets exist, and write nothing
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
    let text = wait_and_shut_down(&client, template.render(&client, global))?;
    let secrets = template.secrets();
    staleness::warn(global, secrets.iter().map(|(name, secret)| (name.as_str(), secret)));
    if args.check {
        return Ok(Exit::Found);
    }
    ci_masks::register(global, secrets.iter().map(|(name, secret)| (name.as_str(), secret)))?;
    match &args.output {
        Some(file) => private::write(file, &text, args.mode)?,
        None => output::print(|out| out.write_all(&text))?,
    }
    Ok(Exit::Found)
}

/// The name of a template for error messages, and its text.
fn read(path: &Path) -> Result<(String, String), Failure> {
    if path == Path::new("-") {
        let text = io::read_to_string(io::stdin().lock());
        let text = text.map_err(|error| Failure::io("can't read the template from stdin", error))?;
        return Ok(("stdin".to_owned(), text));
    }
    let name = path.display().to_string();
    let text = fs::read_to_string(path);
    Ok((name.clone(), text.map_err(|error| Failure::io(format!("can't read the template {name}"), error))?))
}

fn mode(text: &str) -> Result<u32, &'static str> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or("expected an octal mode from 0 to 777, such as 600 or 640")
}
