// CUDA's <cuda_pipeline.h>, without the class that wraps it.
#pragma once
#include "cuda_pipeline_primitives.h"
