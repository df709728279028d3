//! Imitates GitHub's runner: obeys commands in the output of a job, and masks all other lines.
//!
//! Modelled on its `ActionCommandManager` and `OutputManager`, without the encodings that it
//! derives from a mask itself: other runners of its kind don't do that.

/// The log of a job.
#[derive(Default)]
pub(super) struct Runner {
    masks: Vec<String>,
    log: String,
}

impl Runner {
    /// Processes the output of a step.
    pub(super) fn process(&mut self, output: &str) {
        for line in output.lines() {
            match line.trim_start().strip_prefix("::add-mask::") {
                Some(data) => self.mask(&data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")),
                None => {
                    let shown = self.masks.iter().fold(line.to_owned(), |line, mask| line.replace(mask, "***"));
                    self.log += &format!("{shown}\n");
                }
            }
        }
    }

    pub(super) fn log(&self) -> &str {
        &self.log
    }

    fn mask(&mut self, value: &str) {
        assert!(!value.trim().is_empty(), "the runner warns of masks that are blank");
        self.masks.push(value.to_owned());
        self.masks.extend(value.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        self.masks.sort_by_key(|mask| std::cmp::Reverse(mask.len()));
    }
}

/// The variables in a file of `GITHUB_ENV`: `NAME=value`, or `NAME<<END`, lines, `END`.
pub(super) fn variables(file: &str) -> Vec<(String, String)> {
    let (mut lines, mut variables) = (file.lines(), Vec::new());
    while let Some(line) = lines.next() {
        if let Some((name, end)) = line.split_once("<<") {
            let value: Vec<_> = lines.by_ref().take_while(|line| *line != end).collect();
            variables.push((name.to_owned(), value.join("\n")));
        } else if let Some((name, value)) = line.split_once('=') {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    variables
}
