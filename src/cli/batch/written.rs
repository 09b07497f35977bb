//! What a batch leaves behind: files, and a report of them.

use super::Aggregate;
use crate::cli::{
    Failure,
    form::FormArgs,
    index::{self, Entering},
    report,
};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use zkinfer::{
    index::{Annotation, NoteFile},
    pipeline::batch_proofs::{BatchReport, ItemReport, Outcome as Done},
    proof::{Bundle, Statement, Structure},
    storage::write_atomic,
};

/// Writes every bundle once, and all together if asked for.
pub(super) struct Writer<'a> {
    dir: &'a Path,
    form: &'a FormArgs,
    annotation: &'a Annotation,
    entering: Entering,
    /// By the bundle's address, which lives as long as the report.
    written: HashMap<*const Bundle, PathBuf>,
    /// The list or tree of all.
    structure: Option<PathBuf>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(dir: &'a Path, form: &'a FormArgs, annotation: &'a Annotation, entering: Entering) -> Self {
        Self { dir, form, annotation, entering, written: HashMap::new(), structure: None }
    }

    pub(super) fn write(&mut self, items: &[ItemReport]) -> Result<(), Failure> {
        for item in items {
            let Done::Proven { bundle, .. } = &item.outcome else { continue };
            if !self.written.contains_key(&Arc::as_ptr(bundle)) {
                let path = self.dir.join(format!("{:05}.bundle.json", item.index));
                let structure: Structure = Bundle::clone(bundle).into();
                let bytes = self.form.encode(&structure);
                write_atomic(&path, &bytes)?;
                let notes = index::write_notes(self.annotation, &structure, &path);
                self.entering.file(&structure, &bytes, &path, &notes);
                self.written.insert(Arc::as_ptr(bundle), path);
            }
        }
        Ok(())
    }

    /// The file of all bundles, when one was asked for and something is proven. What nobody could read is not written.
    pub(super) fn write_structure(&mut self, kind: Aggregate, report: &BatchReport) -> Result<(), Failure> {
        let name = match kind {
            Aggregate::Merkle => "merkle.bundle.json",
            Aggregate::Tree => "tree.bundle.json",
            Aggregate::None | Aggregate::OneProof => return Ok(()),
        };
        let Some(structure) = &report.structure else { return Ok(()) };
        let bytes = self.form.encode(structure);
        if let Err(error) = Structure::decode(&bytes) {
            return Err(Failure::Input(format!(
                "the bundles are written, but all of them make no file that can be read again: {error}; prove fewer at \
                 once, or try --encoding compact"
            )));
        }
        let path = self.dir.join(name);
        write_atomic(&path, &bytes)?;
        // What is noted of its statements is beside their own bundles.
        self.entering.file(structure, &bytes, &path, &NoteFile::new(vec![]));
        self.structure = Some(path);
        Ok(())
    }

    fn path(&self, report: &BatchReport, index: usize) -> Option<&PathBuf> {
        self.written.get(&Arc::as_ptr(report.bundle(index)?))
    }

    pub(super) fn object(&self, report: &BatchReport, padding: usize) -> Value {
        let aggregate = report.structure.as_ref().filter(|_| self.structure.is_some());
        let tree = aggregate.map(|structure| (structure.tree(), structure.statement_ids()));
        let items = report.items.iter().map(|item| {
            let statement = report.items.get(first_of(item)).and_then(ItemReport::statement).map(Statement::id);
            let mut object = json!({
                "index": item.index,
                "input": item.id,
                "outcome": word(&item.outcome),
                "bundle": self.path(report, item.index),
                "statement_id": statement,
            });
            match &item.outcome {
                Done::Failed { message, .. } => object["message"] = json!(message),
                Done::Proven { statement, slot, recovered, .. } => {
                    object["statement"] = json!(statement);
                    object["slot"] = json!(slot);
                    object["recovered"] = json!(recovered);
                }
                _ => {}
            }
            if let (Some((tree, ids)), Some(id)) = (&tree, statement) {
                let place = ids.iter().position(|other| *other == id);
                object["inclusion"] = json!(place.and_then(|place| tree.prove(place)));
            }
            object
        });
        json!({
            "status": report.status,
            "items": items.collect::<Vec<_>>(),
            "bundles": self.written.len(),
            "structure": self.structure,
            "depth": aggregate.map(Structure::depth),
            "root": aggregate.map(Structure::root),
            "padding": padding,
            "metrics": report.metrics,
        })
    }

    pub(super) fn text(&self, report: &BatchReport, padding: usize) -> String {
        let metrics = &report.metrics;
        let mut rows: Vec<(String, String)> = [
            ("proven", metrics.proven),
            ("from the journal", metrics.recovered),
            ("duplicates", metrics.duplicates),
            ("failed", metrics.failed),
            ("cancelled", metrics.cancelled),
            ("places filled with zeros", padding),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count.to_string()))
        .collect();
        if let (Some(path), Some(root)) = (&self.structure, report.root) {
            rows.push(("all of them".into(), path.display().to_string()));
            rows.push(("Merkle root".into(), root.to_string()));
        }
        for item in &report.items {
            if let Done::Failed { message, .. } = &item.outcome {
                rows.push((item.id.clone(), message.clone()));
            }
        }
        format!(
            "{} of {} inputs in {} bundles, {}\n{}",
            report.items.iter().filter(|item| item.outcome.is_success()).count(),
            report.items.len(),
            self.written.len(),
            report::time(metrics.time.as_secs_f64() * 1e3),
            report::rows(&rows)
        )
    }
}

/// Places that hold zeros, in the circuits that have room for `capacity` inputs.
pub(super) fn padding(report: &BatchReport, capacity: usize) -> usize {
    let (mut circuits, mut taken) = (HashSet::new(), 0);
    for item in &report.items {
        if let Done::Proven { bundle, slot: Some(_), .. } = &item.outcome {
            circuits.insert(Arc::as_ptr(bundle));
            taken += 1;
        }
    }
    (circuits.len() * capacity).saturating_sub(taken)
}

/// The item that is proven: itself, or the one that says the same.
const fn first_of(item: &ItemReport) -> usize {
    match &item.outcome {
        Done::Duplicate { of } => *of,
        _ => item.index,
    }
}

const fn word(outcome: &Done) -> &'static str {
    match outcome {
        Done::Proven { .. } => "proven",
        Done::Duplicate { .. } => "duplicate",
        Done::Failed { .. } => "failed",
        _ => "cancelled",
    }
}
