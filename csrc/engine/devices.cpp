#include "engine/devices.hpp"

#include "ggml-backend.h"

namespace po {
namespace {

const char * kind_name(enum ggml_backend_dev_type type) {
    switch (type) {
        case GGML_BACKEND_DEVICE_TYPE_CPU:  return "cpu";
        case GGML_BACKEND_DEVICE_TYPE_GPU:  return "gpu";
        case GGML_BACKEND_DEVICE_TYPE_IGPU: return "igpu";
        default:                            return "accel";
    }
}

}  // namespace

std::vector<Device> devices() {
    std::vector<Device> all;
    for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        ggml_backend_dev_props props{};
        ggml_backend_dev_get_props(ggml_backend_dev_get(i), &props);
        all.push_back({props.name, props.description, kind_name(props.type), props.memory_free, props.memory_total});
    }
    return all;
}

}  // namespace po
