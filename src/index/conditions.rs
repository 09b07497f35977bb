//! A filter as SQL; `?` stands for a value.

use super::{Filter, Status};

/// A value of a query.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    Integer(i64),
    Text(String),
}

/// What has to hold of an entry `e`, in SQL.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Conditions {
    parts: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    pub(super) fn of(filter: &Filter) -> Self {
        let mut all = Self::default();
        let bytes = |bytes: &[u8]| vec![Value::Bytes(bytes.to_vec())];
        let integer = |number: u64| vec![Value::Integer(number.cast_signed())];
        let time = |ms: u64| vec![Value::Integer(i64::try_from(ms).unwrap_or(i64::MAX))];
        all.add_if(filter.statement.map(|id| bytes(&id[..])), "e.statement = ?");
        all.add_if(filter.model.map(|id| bytes(&id[..])), "e.model = ?");
        all.add_if(filter.job.map(|job| bytes(&job[..])), "e.job = ?");
        all.add_if(filter.submitter.map(|account| bytes(&account[..])), "e.submitter = ?");
        all.add_if(filter.consumer.map(|contract| bytes(&contract[..])), "e.consumer = ?");
        all.add_if(filter.chain.map(integer), "e.chain = ?");
        all.add_if(filter.registry.map(|contract| bytes(&contract[..])), "e.registry = ?");
        all.add_if(filter.transaction.map(|hash| bytes(&hash[..])), "e.tx = ?");
        all.add_if(filter.since_ms.map(time), "e.created >= ?");
        all.add_if(filter.until_ms.map(time), "e.created < ?");
        match filter.status {
            Some(Status::Proven) => all.add("e.tx IS NULL", vec![]),
            Some(Status::Recorded) => all.add("e.tx IS NOT NULL", vec![]),
            None => {}
        }
        all.add_if(filter.assurance.map(|it| vec![Value::Integer(it as i64)]), "e.assurance = ?");
        let held = |what: &str| format!("EXISTS (SELECT 1 FROM held h WHERE h.entry = e.id AND h.{what} ?)");
        all.add_if(filter.backend.map(|it| vec![Value::Text(it.as_str().into())]), &held("backend ="));
        all.add_if(filter.test_srs.map(|it| vec![Value::Integer(it.into())]), &held("test_srs ="));
        all.add_if(filter.min_proof_bytes.map(time), &held("proof_bytes >="));
        all.add_if(filter.max_proof_bytes.map(time), &held("proof_bytes <="));
        for (key, value) in &filter.metadata {
            let pair = vec![Value::Text(key.clone()), Value::Text(value.clone())];
            all.add("e.id IN (SELECT entry FROM metadata WHERE key = ? AND value = ?)", pair);
        }
        for label in &filter.labels {
            all.add("e.id IN (SELECT entry FROM labels WHERE label = ?)", vec![Value::Text(label.clone())]);
        }
        all
    }

    pub(super) fn add(&mut self, sql: &str, values: Vec<Value>) {
        self.parts.push(sql.into());
        self.values.extend(values);
    }

    fn add_if(&mut self, values: Option<Vec<Value>>, sql: &str) {
        if let Some(values) = values {
            self.add(sql, values);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The conditions with ` AND ` between them; one that always holds when there are none.
    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { "TRUE".into() } else { self.parts.join(" AND ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;

    /// A value that were written into the SQL could end it.
    #[test]
    fn values_never_stand_in_the_sql() {
        let evil = "x' OR 1=1 --".to_owned();
        let filter = Filter {
            model: Some(B256::repeat_byte(1)),
            metadata: vec![(evil.clone(), evil.clone())],
            labels: vec![evil.clone()],
            ..Filter::default()
        };
        let all = Conditions::of(&filter);
        assert_eq!(all.sql().matches('?').count(), all.values.len());
        assert!(!all.sql().contains("1=1"));
        assert_eq!(Conditions::of(&Filter::default()).sql(), "TRUE");
    }
}
