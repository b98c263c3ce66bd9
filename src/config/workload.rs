//! What is computed: convolution layers, a matrix multiplication or a ReLU.
//!
//! [`Workload`] is what a configuration says; [`Workload::tasks`] is what it means: which layers run, and
//! for each where its activations come from once overrides are applied.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sim_core::params::{Group, Row, Value, Violation, any, range, zero_or};
use workloads::activations::{Activations, Shape};
use workloads::generator::{self, Clustering};
use workloads::layer::{ConvLayer, Filter};
use workloads::npy::Array;

use super::embedded::{self, Recording};

sim_core::named_values! {
    /// Kind of workload.
    pub enum Kind {
        /// Convolution layers, as matrix multiplications.
        Convolution = "convolution",
        /// One matrix multiplication.
        Matmul = "matmul",
        /// One ReLU.
        Relu = "relu",
    }
}

sim_core::parameters! {
    /// What is computed.
    pub struct Workload {
        /// Which of the groups of parameters below counts.
        kind: Kind = Kind::Convolution, "", any();
        /// Images of a convolution's batch.
        batch: u32 = 16, "images", range(1, 65_536);
        /// Names of the layers to run, separated by commas; "" runs all.
        layer: String = String::new(), "", any();
        /// Activations of every layer: "recorded", "uniform", "clustered", "embedded:NAME" or a path to an
        /// .npy file; "layer" leaves each layer its own.
        activations: String = LAYERS_OWN.into(), "", any();
        /// Share of zeros in generated activations (of B, in a matrix multiplication); "layer" leaves each
        /// layer its own, and a matrix multiplication none.
        sparsity: Sparsity = Sparsity(None), "", range(Sparsity(Some(0.0)), Sparsity(Some(1.0)));
        /// Distinct images that a generator makes; a larger batch goes through them again.
        images: u32 = 8, "images", range(1, 65_536);
        /// Rows of A and C, in a matrix multiplication.
        m: u32 = 256, "", range(1, 1_048_576);
        /// Columns of B and C.
        n: u32 = 256, "", range(1, 1_048_576);
        /// Columns of A, rows of B.
        k: u32 = 256, "", range(1, 1_048_576);
        /// Elements of a ReLU.
        elements: u64 = 262_144, "", range(1, 1 << 32);
        /// How zeros cluster in generated activations of source "clustered".
        clustered: group Clustered;
        /// The layers, each (name, filter, groups, stride, pad, height, width, activations, sparsity).
        layers: group Layers;
    }
}

sim_core::parameters! {
    /// The generator of clustered zeros: each channel draws its share of zeros from Beta(a, b) and puts them
    /// where a smooth random field is lowest.
    pub struct Clustered {
        /// Beta distribution, first parameter; 0 derives it from the sparsity, with a + b = 10.
        a: f64 = 0.0, "", zero_or(0.01, 1_000.0);
        /// Beta distribution, second parameter; 0 derives it likewise.
        b: f64 = 0.0, "", zero_or(0.01, 1_000.0);
        /// Share of channels that are zero everywhere.
        dead: f64 = 0.0, "", range(0.0, 1.0);
        /// Correlation of the field between neighbouring pixels.
        phi: f64 = 0.7, "", range(0.0, 0.999);
        /// Share of the field's variance that all channels have in common.
        kappa: f64 = 0.04, "", range(0.0, 1.0);
    }
}

sim_core::parameters! {
    /// One convolution layer.
    pub struct LayerSpec {
        /// Name, as `--layers` takes it.
        name: String = String::new(), "", any();
        /// Filters as "KxCxRxS": count in all groups, channels of one group, height, width.
        filter: FilterText = FilterText(None), "", any();
        /// Groups that channels and filters divide into; each runs as a product of its own.
        groups: u32 = 1, "groups", range(1, 65_536);
        /// Pixels from one window to the next.
        stride: u32 = 1, "pixels", range(1, 64);
        /// Zeros around the input on each side.
        pad: u32 = 0, "pixels", range(0, 64);
        /// Height of the input.
        height: u32 = 1, "pixels", range(1, 65_536);
        /// Width of the input.
        width: u32 = 1, "pixels", range(1, 65_536);
        /// Activations: "uniform", "clustered", "embedded:NAME" or a path to an .npy file.
        activations: String = "clustered".into(), "", any();
        /// Share of zeros, where the activations are generated.
        sparsity: f64 = 0.5, "", range(0.0, 1.0);
    }
}

/// The override that overrides nothing.
pub(crate) const LAYERS_OWN: &str = "layer";

/// One thing to simulate, in every mode.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    /// A convolution layer.
    Convolution(ConvolutionTask),
    /// C (m x n) = A (m x k) * B (k x n).
    Matmul {
        /// Rows of A and C.
        m: u32,
        /// Columns of B and C.
        n: u32,
        /// Columns of A, rows of B.
        k: u32,
        /// Share of zeros in B, uniformly at random.
        sparsity: f64,
    },
    /// An element-wise ReLU.
    Relu {
        /// Elements.
        elements: u64,
    },
}

/// A convolution layer with everything decided, or one group of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvolutionTask {
    /// The shape of one group.
    pub(crate) layer: ConvLayer,
    /// Groups of the layer.
    pub(crate) groups: u32,
    /// The one of them that runs, counted from 0.
    pub(crate) group: u32,
    /// Images of the batch.
    pub(crate) batch: u32,
    /// Where its input comes from.
    pub(crate) source: Source,
}

/// Where activations come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A recording that is part of the program.
    Embedded(&'static Recording),
    /// An `.npy` file.
    File(PathBuf),
    /// Zeros uniformly at random.
    Uniform {
        /// Share of zeros.
        sparsity: f64,
        /// Distinct images.
        images: u32,
    },
    /// Zeros that cluster as real ones do.
    Clustered {
        /// Share of zeros.
        sparsity: f64,
        /// Distinct images.
        images: u32,
        /// How they cluster.
        parameters: Clustered,
    },
}

impl Task {
    /// The name under which results report it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Convolution(task) => &task.layer.name,
            Self::Matmul { .. } => "matmul",
            Self::Relu { .. } => "relu",
        }
    }

    /// The same task under another name, where it has one.
    pub(crate) fn named(&self, name: &str) -> Self {
        match self {
            Self::Convolution(task) => {
                let layer = ConvLayer { name: name.into(), ..task.layer.clone() };
                Self::Convolution(ConvolutionTask { layer, ..task.clone() })
            }
            other => other.clone(),
        }
    }

    /// What runs one by one: the task, or each group of a layer with groups, called "NAME 1/GROUPS" and so on.
    pub(crate) fn products(&self) -> Vec<Self> {
        match self {
            Self::Convolution(task) if task.groups > 1 => task.each_group().map(Self::Convolution).collect(),
            _ => vec![self.clone()],
        }
    }

    /// Rows of B; 0 where there is no matrix multiplication.
    pub(crate) fn k(&self) -> u32 {
        match self {
            Self::Convolution(task) => task.layer.k(),
            Self::Matmul { k, .. } => *k,
            Self::Relu { .. } => 0,
        }
    }
}

impl ConvolutionTask {
    /// Whether the one window is the whole input: a fully connected layer.
    pub(crate) fn is_fully_connected(&self) -> bool {
        let ConvLayer { height, width, kernel_h, kernel_w, pad, .. } = self.layer;
        pad == 0 && (height, width) == (kernel_h, kernel_w)
    }

    fn each_group(&self) -> impl Iterator<Item = Self> {
        (0..self.groups).map(|group| {
            let mut task = Self { group, ..self.clone() };
            task.layer.name = format!("{} {}/{}", self.layer.name, group + 1, self.groups);
            task
        })
    }

    /// The group's input: at most as many distinct images as the batch has.
    pub(crate) fn activations(&self, seed: u64) -> Result<Activations, String> {
        let all = self.activations_of_all_groups(seed)?;
        if self.groups == 1 {
            return Ok(all);
        }
        let Shape { images, height, width, .. } = all.shape();
        let shape = Shape { images, channels: self.layer.channels, height, width };
        let first = self.group as usize * shape.image_len();
        let values = (0..images).flat_map(|image| &all.image(image)[first..][..shape.image_len()]);
        Ok(Activations::new(shape, values.copied().collect()))
    }

    fn activations_of_all_groups(&self, seed: u64) -> Result<Activations, String> {
        match &self.source {
            Source::Embedded(recording) => {
                self.fitting(Array::from_bytes(recording.name, recording.bytes).map_err(|e| e.to_string())?)
            }
            Source::File(path) => self.read(path),
            Source::Uniform { sparsity, images } => {
                Ok(generator::uniform(self.shape(*images), *sparsity, seed))
            }
            Source::Clustered { sparsity, images, parameters } => {
                Ok(generator::clustered(self.shape(*images), &parameters.clustering(*sparsity), seed))
            }
        }
    }

    /// The input from the file at `path`, where it is one of this layer.
    pub(crate) fn read(&self, path: &Path) -> Result<Activations, String> {
        self.fitting(Array::read(path).map_err(|error| error.to_string())?)
    }

    fn fitting(&self, array: Array) -> Result<Activations, String> {
        let source = array.source.clone();
        array.require_finite().map_err(|error| error.to_string())?;
        let activations = Activations::from_array(array).map_err(|error| error.to_string())?;
        let Shape { channels, height, width, .. } = activations.shape();
        let wanted = self.shape(1);
        if (channels, height, width) == (wanted.channels, wanted.height, wanted.width) {
            return Ok(activations);
        }
        Err(format!(
            "{source}: the images are {channels}x{height}x{width} (channels x height x width), and layer `{}` takes \
             {}x{}x{}",
            self.layer.name, wanted.channels, wanted.height, wanted.width
        ))
    }

    /// The shape of `images` images of the layer's input, or of the whole batch where that is fewer.
    fn shape(&self, images: u32) -> Shape {
        let ConvLayer { channels, height, width, .. } = self.layer;
        Shape { images: images.min(self.batch), channels: channels * self.groups, height, width }
    }
}

impl Clustered {
    /// The generator's parameters for a share of zeros, what was left open filled in.
    fn clustering(&self, sparsity: f64) -> Clustering {
        let Self { a, b, dead, phi, kappa } = *self;
        let typical = Clustering::typical(sparsity);
        let (a, b) = if a > 0.0 { (a, b) } else { (typical.a, typical.b) };
        Clustering { a, b, dead, phi, kappa }
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(recording) => write!(f, "recorded {}", recording.name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Uniform { sparsity, .. } => write!(f, "generated, uniform zeros {sparsity}"),
            Self::Clustered { sparsity, .. } => write!(f, "generated, clustered zeros {sparsity}"),
        }
    }
}

impl Workload {
    /// What runs, in order; call it only on a workload that passed its checks.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        match self.kind {
            Kind::Convolution => {
                let layers = self.chosen_layers().filter_map(|(_, layer)| self.convolution(layer).ok());
                layers.map(Task::Convolution).collect()
            }
            Kind::Matmul => vec![Task::Matmul {
                m: self.m,
                n: self.n,
                k: self.k,
                sparsity: self.sparsity.0.unwrap_or(0.0),
            }],
            Kind::Relu => vec![Task::Relu { elements: self.elements }],
        }
    }

    /// `layer` with everything decided, or why it cannot be.
    pub(crate) fn convolution(&self, layer: &LayerSpec) -> Result<ConvolutionTask, String> {
        let filter = layer.filter.0.ok_or("a filter \"KxCxRxS\" is missing, such as \"192x64x5x5\"")?;
        let groups = layer.groups;
        if groups == 0 || filter.filters % groups > 0 || filter.channels.checked_mul(groups).is_none() {
            return Err(format!("groups = {groups}: the filters {filter} do not divide into so many"));
        }
        let filter = Filter { filters: filter.filters / groups, ..filter };
        let size = (layer.height, layer.width);
        let shape = ConvLayer::new(&layer.name, size, filter, layer.stride, layer.pad)
            .map_err(|error| error.message)?;
        let source = self.source(layer)?;
        Ok(ConvolutionTask { layer: shape, groups, group: 0, batch: self.batch, source })
    }

    /// The names in `layer`.
    pub(crate) fn chosen_names(&self) -> Vec<&str> {
        self.layer.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
    }

    /// The layers that run, each with its place among all; none where the workload is no convolution.
    pub(crate) fn chosen_layers(&self) -> impl Iterator<Item = (usize, &LayerSpec)> {
        let layers = if self.kind == Kind::Convolution { &self.layers.0[..] } else { &[] };
        let chosen = self.chosen_names();
        layers
            .iter()
            .enumerate()
            .filter(move |(_, layer)| chosen.is_empty() || chosen.contains(&layer.name.as_str()))
    }

    /// Where the activations of `layer` come from, the override of the whole workload applied.
    pub(crate) fn source(&self, layer: &LayerSpec) -> Result<Source, String> {
        let said = match self.activations.as_str() {
            LAYERS_OWN => layer.activations.as_str(),
            "recorded" if layer.activations.starts_with(embedded::PREFIX) => layer.activations.as_str(),
            said => said,
        };
        let (sparsity, images) = (self.sparsity.0.unwrap_or(layer.sparsity), self.images);
        match said {
            "uniform" => Ok(Source::Uniform { sparsity, images }),
            "clustered" => Ok(Source::Clustered { sparsity, images, parameters: self.clustered.clone() }),
            "recorded" => Err(format!("layer `{}` has no recording in the program", layer.name)),
            said => match said.strip_prefix(embedded::PREFIX) {
                Some(name) => embedded::recording(name).map(Source::Embedded),
                None if said.ends_with(".npy") => Ok(Source::File(PathBuf::from(said))),
                None => Err(format!(
                    "`{said}` is no source of activations; allowed: \"recorded\", \"uniform\", \"clustered\", \
                     \"embedded:NAME\" or a path ending in .npy"
                )),
            },
        }
    }
}

/// The layers of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Layers(pub(crate) Vec<LayerSpec>);

impl Group for Layers {
    fn describe(&self, prefix: &str, rows: &mut Vec<Row>) {
        for (i, layer) in self.0.iter().enumerate() {
            layer.describe(&format!("{prefix}[{i}]"), rows);
        }
    }
    fn check(&self, prefix: &str, violations: &mut Vec<Violation>) {
        for (i, layer) in self.0.iter().enumerate() {
            layer.check(&format!("{prefix}[{i}]"), violations);
        }
    }
}

/// A share of zeros, or "layer" where each layer keeps its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sparsity(pub(crate) Option<f64>);

impl Value for Sparsity {
    fn show(&self) -> String {
        self.0.map_or_else(|| format!("{LAYERS_OWN:?}"), |share| share.to_string())
    }
    fn magnitude(&self) -> Option<f64> {
        self.0
    }
}

impl Serialize for Sparsity {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(share) => s.serialize_f64(share),
            None => s.serialize_str(LAYERS_OWN),
        }
    }
}

impl<'de> Deserialize<'de> for Sparsity {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said {
            Share(f64),
            Word(String),
        }
        match Said::deserialize(d) {
            Ok(Said::Share(share)) => Ok(Self(Some(share))),
            Ok(Said::Word(word)) if word == LAYERS_OWN => Ok(Self(None)),
            _ => Err(de::Error::custom("expected a number or \"layer\"")),
        }
    }
}

/// The shape of a layer's filters, written "KxCxRxS"; none where nothing was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilterText(pub(crate) Option<Filter>);

impl Display for FilterText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |filter| write!(f, "{filter}"))
    }
}

impl Value for FilterText {
    fn show(&self) -> String {
        format!("\"{self}\"")
    }
    fn magnitude(&self) -> Option<f64> {
        None
    }
}

impl Serialize for FilterText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FilterText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match String::deserialize(d)?.as_str() {
            "" => Ok(Self(None)),
            text => text.parse().map(|filter| Self(Some(filter))).map_err(de::Error::custom),
        }
    }
}
