/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a bundle's programs, see bundle_programs.c. */
#ifndef WHET_API_BUNDLE_PROGRAMS_H
#define WHET_API_BUNDLE_PROGRAMS_H

extern const char bundle_c_common[], bundle_c_ort[], bundle_c_openvino[], bundle_c_tflite[], bundle_c_whet[],
    bundle_py_common[], bundle_py_ort[], bundle_py_openvino[], bundle_py_tflite[], bundle_py_torch[],
    bundle_py_keras[], bundle_py_saved[], bundle_py_frozen[], bundle_py_tail[];

#endif
