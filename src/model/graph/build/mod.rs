//! The walk over a file's nodes, which computes what is constant and keeps the rest.

mod builder;
mod lists;
mod unroll;
mod wire;

pub(super) use builder::Builder;

use super::{
    Constant, Graph, GraphError, MAX_NODES, OPERATOR_SETS, Operand, Options,
    call::Call,
    external::Files,
    inputs,
    labels::{self, Leaving},
    load, normalize, proto,
    scope::{Names, Plan},
    small::SmallFloat,
    tensor::{MASKED, Tensor},
};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};
use wire::Wire;

/// How deep functions and branches may call each other.
const MAX_CALLS: usize = 32;
/// Characters of a node's name that messages show.
const MAX_LABEL: usize = 120;
/// Nodes that may be looked at, each as often as functions and loops run it.
const MAX_WALKED: usize = 4 * MAX_NODES;
/// Operators that are in the oldest sets what they are in [`OPERATOR_SETS`].
const OLD: [&str; 9] = ["Constant", "Flatten", "Identity", "Not", "Shape", "Size", "Softplus", "Softsign", "Transpose"];

/// The numbers of an operand that is constant.
pub(super) fn tensor(operand: &Operand) -> Option<&Tensor> {
    match operand {
        Operand::Value(_) => None,
        Operand::Constant(constant) => Some(&constant.tensor),
    }
}

/// A tensor of the file that was not read yet.
enum Stored<'g, 'a> {
    Dense(&'g proto::Tensor<'a>),
    Sparse(&'g proto::Sparse<'a>),
}

/// The names that a graph's nodes can read.
struct Scope<'s, 'a> {
    wires: RefCell<HashMap<&'a str, Wire>>,
    stored: HashMap<&'a str, Stored<'s, 'a>>,
    parent: Option<&'s Scope<'s, 'a>>,
}

/// What nodes mean where they stand.
struct Frame<'s, 'a> {
    versions: &'s [(&'a str, i64)],
    /// The attributes of the call, inside a function.
    attributes: Option<&'s [proto::Attribute<'a>]>,
    depth: usize,
    /// Of the node that calls, for messages.
    path: String,
}

/// A function, and which of its outputs are used.
type Called<'a> = (*const proto::Function<'a>, Vec<bool>);

struct Walk<'m, 'a> {
    builder: Builder,
    files: &'m Files,
    functions: HashMap<(&'a str, &'a str, &'a str), &'m proto::Function<'a>>,
    /// Of functions that were called, by the function and which of its outputs are used: a model may call one very often.
    plans: HashMap<Called<'a>, Rc<Plan>>,
    /// Nodes of such calls, with those of the functions that they call.
    weights: HashMap<Called<'a>, usize>,
    operators: BTreeSet<String>,
    /// Nodes that were looked at, again in every function and run.
    walked: usize,
}

/// Reads a decoded file.
pub(super) fn build<'a>(model: &proto::Model<'a>, files: &Files, options: &Options) -> Result<Graph, GraphError> {
    let graph = model.graph.as_ref().ok_or_else(|| GraphError::NotOnnx("it has no graph".into()))?;
    if graph.nodes.len() > MAX_NODES {
        return Err(GraphError::too_much(format!("{} nodes", graph.nodes.len()), MAX_NODES as u64));
    }
    let functions = model.functions.iter().map(|f| ((domain(f.domain), f.name, f.overload), f)).collect();
    let (plans, weights) = Default::default();
    let (builder, operators) = Default::default();
    let mut walk = Walk { builder, files, functions, plans, weights, operators, walked: 0 };
    let constants: Vec<&str> = graph.initializers.iter().map(|tensor| tensor.name).collect();
    let sparse = graph.sparse.iter().map(|tensor| tensor.values.name);
    let all: std::collections::HashSet<&str> = constants.iter().copied().chain(sparse).collect();
    // Older exporters list the initializers among the inputs.
    let entering: Vec<&proto::ValueInfo<'_>> = graph.inputs.iter().filter(|input| !all.contains(input.name)).collect();
    let bound = inputs::bind(&mut walk.builder, &entering, options)?;
    let scope = Scope {
        wires: RefCell::new(
            entering
                .iter()
                .zip(&walk.builder.inputs)
                .map(|(info, input)| (info.name, Wire::Tensor(Operand::Value(input.value), inputs::small(info))))
                .collect(),
        ),
        stored: stored(graph),
        parent: None,
    };
    let frame = Frame { versions: &model.operator_sets, attributes: None, depth: 0, path: String::new() };
    check_versions(&model.operator_sets)?;
    let Leaving { outputs, labels, remarks } = labels::leaving(model, graph)?;
    walk.builder.remarks.extend(remarks);
    let (names, sources): (Vec<&str>, Vec<&str>) = outputs.into_iter().unzip();
    let plan = plan(graph, &sources)?;
    walk.expect_few(&graph.nodes, &plan)?;
    let wires = walk.nodes(&graph.nodes, &plan, &sources, &scope, &frame)?;
    let leaves = |(wire, name): (Wire, &&str)| match wire {
        Wire::Tensor(operand, _) => Ok(operand),
        other => {
            Err(GraphError::tensor(*name, format!("is an output that is {}; only tensors can be proven", other.what())))
        }
    };
    let outputs = wires.into_iter().zip(&names).map(leaves).collect::<Result<_, _>>()?;
    walk.builder.remarks.extend(files.masks().iter().map(|name| {
        format!(
            "`{name}` has minus infinity for what takes no part, which no proof has; {MASKED:e} stands for it, with the same effect"
        )
    }));
    let metadata = model.metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let operators = walk.operators.into_iter().collect();
    let mut graph = walk.builder.finish(&names, outputs, bound, operators, metadata);
    graph.labels = labels;
    Ok(graph)
}

/// The default operator set has two names.
pub(super) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

fn check_versions(versions: &[(&str, i64)]) -> Result<(), GraphError> {
    let mut default = versions.iter().filter(|(name, _)| domain(name).is_empty()).map(|&(_, version)| version);
    let Some(found) = default.next() else { return Ok(()) };
    // What is older is looked at node by node.
    if (1..=*OPERATOR_SETS.end()).contains(&found) {
        return Ok(());
    }
    let (first, last) = OPERATOR_SETS.into_inner();
    Err(GraphError::OperatorSet { domain: "ai.onnx".into(), found, first, last })
}

fn stored<'g, 'a>(graph: &'g proto::Graph<'a>) -> HashMap<&'a str, Stored<'g, 'a>> {
    let dense = graph.initializers.iter().map(|tensor| (tensor.name, Stored::Dense(tensor)));
    let sparse = graph.sparse.iter().map(|tensor| (tensor.values.name, Stored::Sparse(tensor)));
    dense.chain(sparse).collect()
}

/// What `outputs` need of a graph.
fn plan<'a>(graph: &proto::Graph<'a>, outputs: &[&'a str]) -> Result<Plan, GraphError> {
    let given = graph.initializers.iter().map(|tensor| tensor.name);
    let given = given.chain(graph.sparse.iter().map(|tensor| tensor.values.name));
    let constants: Vec<&str> = given.collect();
    let known: std::collections::HashSet<&str> = constants.iter().copied().collect();
    let inputs = graph.inputs.iter().map(|input| input.name).filter(|name| !known.contains(name));
    let names = Names::new(&graph.nodes, constants.iter().copied().chain(inputs), "the graph")?;
    names.plan(outputs.iter().copied())
}

impl<'m, 'a> Walk<'m, 'a> {
    fn nodes(
        &mut self,
        nodes: &[proto::Node<'a>],
        plan: &Plan,
        outputs: &[&'a str],
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Wire>, GraphError> {
        for (index, used) in &plan.0 {
            let node = &nodes[*index];
            let made = self.node(node, used.clone(), scope, frame)?;
            let mut wires = scope.wires.borrow_mut();
            for (&name, wire) in node.outputs.iter().zip(made) {
                if let Wire::Tensor(Operand::Value(id), _) = &wire
                    && self.builder.values[id.0].name.is_empty()
                {
                    self.builder.values[id.0].name = name.to_owned();
                }
                if !name.is_empty() {
                    wires.insert(name, wire);
                }
            }
        }
        let find = |&name: &&'a str| {
            let missing = || GraphError::Graph(format!("nothing makes the output `{name}`"));
            self.look_up(name, scope)?.ok_or_else(missing)
        };
        outputs.iter().map(find).collect()
    }

    fn look_up(&self, name: &'a str, scope: &Scope<'_, 'a>) -> Result<Option<Wire>, GraphError> {
        if let Some(wire) = scope.wires.borrow().get(name) {
            return Ok(Some(wire.clone()));
        }
        let (tensor, element) = match scope.stored.get(name) {
            Some(Stored::Dense(tensor)) => (load::tensor(tensor, name, self.files)?, tensor.element),
            Some(Stored::Sparse(tensor)) => (load::sparse(tensor, name, self.files)?, tensor.values.element),
            None => return scope.parent.map_or(Ok(None), |parent| self.look_up(name, parent)),
        };
        let operand = Operand::Constant(Arc::new(Constant { name: name.to_owned(), tensor }));
        let wire = Wire::Tensor(operand, SmallFloat::from_onnx(element));
        scope.wires.borrow_mut().insert(name, wire.clone());
        Ok(Some(wire))
    }

    fn node(
        &mut self,
        node: &proto::Node<'a>,
        used: Vec<bool>,
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Wire>, GraphError> {
        self.walk_over(1)?;
        let domain = domain(node.domain);
        let label = format!("{}{}", frame.path, shortened(node.label()));
        let version =
            frame.versions.iter().find(|(name, _)| self::domain(name) == domain).map_or(1, |&(_, version)| version);
        let attributes = resolve(&node.attributes, frame.attributes);
        let (inputs, small) = (Vec::new(), Vec::new());
        let mut call = Call { operator: node.operator, label, version, attributes, inputs, small, used };
        if domain.is_empty() && version < *OPERATOR_SETS.start() && !OLD.contains(&node.operator) {
            let (first, last) = OPERATOR_SETS.into_inner();
            return Err(GraphError::OperatorSet { domain: "ai.onnx".into(), found: version, first, last });
        }
        call.expect_finite()?;
        let mut given = Vec::new();
        for &name in &node.inputs {
            let wire = if name.is_empty() { None } else { self.look_up(name, scope)? };
            // A function's optional operand may not have been given by the caller.
            if wire.is_none() && !name.is_empty() && frame.attributes.is_none() {
                return Err(call.refuse(format!("reads `{name}`, which nothing makes")));
            }
            given.push(wire);
        }
        if let Some(&function) = self.functions.get(&(domain, node.operator, node.overload)) {
            return self.function(function, call, given, frame);
        }
        let shown = if domain.is_empty() { node.operator.to_owned() } else { format!("{domain}:{}", node.operator) };
        self.operators.insert(shown.clone());
        if domain.is_empty() && lists::takes(node.operator, &given) {
            return self.list(&call, given);
        }
        match (domain, node.operator) {
            ("", "If") => return self.branch(&call, &given, scope, frame),
            ("", "Loop") => return self.unroll_loop(&call, given, scope, frame),
            ("", "SequenceMap") => return self.map_list(&call, given, scope, frame),
            _ => {}
        }
        for (wire, name) in given.into_iter().zip(&node.inputs) {
            let (operand, small) = match wire {
                Some(Wire::Tensor(operand, small)) => (Some(operand), small),
                None => (None, None),
                Some(other) => return Err(call.refuse(format!("reads `{name}`, which is {}", other.what()))),
            };
            call.inputs.push(operand);
            call.small.push(small);
        }
        let files = self.files;
        let load = |value: &proto::Value<'a>| load::attribute(value, &call.label, files);
        let made = match (domain, node.operator) {
            ("", "Scan") => self.unroll_scan(&call, scope, frame),
            ("ai.onnx.preview", "FlexAttention") => self.flex_attention(&call, scope, frame),
            ("", _) => normalize::onnx(&mut self.builder, &call, &load),
            ("ai.onnx.preview.training", _) => normalize::training(&mut self.builder, &call),
            ("ai.onnx.ml", _) => normalize::machine_learning(&mut self.builder, &call, &load),
            _ => Err(GraphError::Node {
                operator: shown,
                node: call.label.clone(),
                reason: "is not an operator of ONNX, and the file has no function for it".into(),
            }),
        }?;
        let small = if domain.is_empty() { call.makes_small() } else { None };
        Ok(made.into_iter().map(|operand| Wire::Tensor(operand, small)).collect())
    }

    /// Fails when nodes are looked at too often: functions and runs of constants alone leave no nodes behind.
    fn walk_over(&mut self, nodes: usize) -> Result<(), GraphError> {
        self.walked = self.walked.saturating_add(nodes);
        if self.walked > MAX_WALKED {
            return Err(GraphError::too_much(
                "more nodes than are read, with functions and loops run",
                MAX_WALKED as u64,
            ));
        }
        Ok(())
    }

    /// The branch that a constant condition takes.
    fn branch(
        &mut self,
        call: &Call<'a>,
        given: &[Option<Wire>],
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Wire>, GraphError> {
        let condition = given.first().and_then(Option::as_ref).and_then(Wire::number);
        let condition = condition.ok_or_else(|| {
            call.refuse("depends on the input; a proof is about one fixed graph. Export the model without this branch")
        })?;
        let name = if condition != 0 { "then_branch" } else { "else_branch" };
        let Some(proto::Value::Graph(graph)) = call.attribute(name) else {
            return Err(call.refuse(format!("has no {name}")));
        };
        let inner = Scope { wires: RefCell::default(), stored: stored(graph), parent: Some(scope) };
        let frame = self.deeper(call, frame, frame.versions, frame.attributes)?;
        let outputs: Vec<&str> = graph.outputs.iter().map(|output| output.name).collect();
        self.nodes(&graph.nodes, &plan(graph, &outputs)?, &outputs, &inner, &frame)
    }

    /// A function's nodes in place of its call.
    fn function(
        &mut self,
        function: &'m proto::Function<'a>,
        call: Call<'a>,
        given: Vec<Option<Wire>>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Wire>, GraphError> {
        let mut attributes = call.attributes.clone();
        for default in &function.defaults {
            if call.attribute(default.name).is_none() {
                attributes.push(default.clone());
            }
        }
        let given = function.inputs.iter().zip(given);
        let wires = given.filter_map(|(&name, wire)| wire.map(|wire| (name, wire))).collect();
        let scope = Scope { wires: RefCell::new(wires), stored: HashMap::new(), parent: None };
        check_versions(&function.operator_sets)?;
        let frame = self.deeper(&call, frame, &function.operator_sets, Some(&attributes))?;
        let used = outputs_of(function, &call.used);
        let plan = self.plan_of(function, &call.used)?;
        let mut made = self.nodes(&function.nodes, &plan, &used, &scope, &frame)?.into_iter();
        // Outputs that nobody reads are not computed; something has to stand in their places.
        let placeholder = Wire::from(self.builder.constant(Tensor::list(&[])));
        Ok((0..call.used.len())
            .map(|index| if call.uses(index) { made.next() } else { None }.unwrap_or_else(|| placeholder.clone()))
            .collect())
    }

    /// What the outputs that are used need of a function.
    fn plan_of(&mut self, function: &'m proto::Function<'a>, used: &[bool]) -> Result<Rc<Plan>, GraphError> {
        let key = (std::ptr::from_ref(function), used.to_vec());
        if let Some(plan) = self.plans.get(&key) {
            return Ok(plan.clone());
        }
        let what = format!("the function {}", function.name);
        let names = Names::new(&function.nodes, function.inputs.iter().copied(), &what)?;
        let plan = Rc::new(names.plan(outputs_of(function, used).into_iter())?);
        self.plans.insert(key, plan.clone());
        Ok(plan)
    }

    /// Fails when functions that call others, and those again, are more nodes than are looked at: before one of them is.
    fn expect_few(&mut self, nodes: &[proto::Node<'a>], plan: &Plan) -> Result<(), GraphError> {
        match self.weigh_all(nodes, plan, 0)? {
            few if few <= MAX_WALKED => Ok(()),
            _ => Err(GraphError::too_much("more nodes than are read, with functions inlined", MAX_WALKED as u64)),
        }
    }

    /// Nodes that will be looked at, or fewer.
    fn weigh_all(&mut self, nodes: &[proto::Node<'a>], plan: &Plan, depth: usize) -> Result<usize, GraphError> {
        let mut all = 0usize;
        for (index, used) in &plan.0 {
            all = all.saturating_add(self.weigh(&nodes[*index], used, depth)?);
        }
        Ok(all)
    }

    fn weigh(&mut self, node: &proto::Node<'a>, used: &[bool], depth: usize) -> Result<usize, GraphError> {
        let name = (domain(node.domain), node.operator, node.overload);
        // What lies deeper is refused when it is reached.
        let Some(&function) = self.functions.get(&name).filter(|_| depth < MAX_CALLS) else { return Ok(1) };
        let key = (std::ptr::from_ref(function), used.to_vec());
        if let Some(&weight) = self.weights.get(&key) {
            return Ok(weight);
        }
        // For a function that calls itself.
        self.weights.insert(key.clone(), 1);
        let plan = self.plan_of(function, used)?;
        let weight = self.weigh_all(&function.nodes, &plan, depth + 1)?.saturating_add(1);
        self.weights.insert(key, weight);
        Ok(weight)
    }

    fn deeper<'s>(
        &self,
        call: &Call<'a>,
        frame: &Frame<'_, 'a>,
        versions: &'s [(&'a str, i64)],
        attributes: Option<&'s [proto::Attribute<'a>]>,
    ) -> Result<Frame<'s, 'a>, GraphError> {
        if frame.depth >= MAX_CALLS {
            return Err(
                call.refuse(format!("lies in more than {MAX_CALLS} functions and branches; do they call themselves?"))
            );
        }
        // The outermost call is the one that the user's file shows.
        let path = if frame.path.is_empty() { format!("{}/", call.label) } else { frame.path.clone() };
        Ok(Frame { versions, attributes, depth: frame.depth + 1, path })
    }
}

/// The outputs of a function that a call uses.
fn outputs_of<'a>(function: &proto::Function<'a>, used: &[bool]) -> Vec<&'a str> {
    let used = |index: usize| used.get(index).copied().unwrap_or(false);
    function.outputs.iter().enumerate().filter(|(index, _)| used(*index)).map(|(_, &name)| name).collect()
}

/// A name for messages: every node made of a call keeps one, so that its length is memory.
fn shortened(name: &str) -> &str {
    name.char_indices().nth(MAX_LABEL).map_or(name, |(end, _)| &name[..end])
}

/// A node's attributes, with those that refer to the caller's put in.
fn resolve<'a>(
    attributes: &[proto::Attribute<'a>],
    caller: Option<&[proto::Attribute<'a>]>,
) -> Vec<proto::Attribute<'a>> {
    let mut found = Vec::new();
    for attribute in attributes {
        match attribute.value {
            proto::Value::Reference(name) => {
                // An optional attribute that the caller did not give is not there.
                let given = caller.unwrap_or_default().iter().find(|given| given.name == name);
                found.extend(given.map(|given| proto::Attribute { name: attribute.name, value: given.value.clone() }));
            }
            _ => found.push(attribute.clone()),
        }
    }
    found
}
