/* SPDX-License-Identifier: Apache-2.0 */
/* FakeQuantWithMinMax*: the range is nudged so that zero is a level, then a QuantizeLinear and a DequantizeLinear say the same.
 * Source: tensorflow/core/kernels/fake_quant_ops_functor.h. */
#include <math.h>

#include "formats/tensorflow/tf_reader.h"

typedef struct levels { double low, high; whet_dtype t; } levels;

static whet_status levels_of(const tf_work *w, levels *q)
{
    const int64_t bits = tf_attr_int(w, "num_bits", 8);
    if (bits < 2 || bits > 16) return tf_fail(w, WHET_EUNSUPPORTED, "%lld bits are not handled, 2 to 16 are", (long long)bits);
    q->low = tf_attr_bool(w, "narrow_range", false) ? 1 : 0;
    q->high = (double)((1 << bits) - 1);
    q->t = bits <= 8 ? WHET_U8 : WHET_U16;
    return WHET_OK;
}

static void nudge(double min, double max, const levels *q, float *scale, double *zero)
{
    *scale = ((float)max - (float)min) / ((float)q->high - (float)q->low);
    const float from_min = *scale > 0 ? (float)q->low - (float)min / *scale : 0;
    *zero = (double)from_min < q->low ? q->low : (double)from_min > q->high ? q->high : (double)roundf(from_min);
}

/* x[n] of the form (first: channels at axis 1); channels = 1 a scalar. */
static whet_status emit(tf_reader *r, tf_work *w, const levels *q, int n, bool per_channel, const whet_tensor *min, const whet_tensor *max,
                        double one_min, double one_max)
{
    whet_tensor scale, zero;
    whet_nhwc *x = NULL;
    whet_vid v = WHET_NO_VALUE, s = WHET_NO_VALUE, z = WHET_NO_VALUE, integer = WHET_NO_VALUE;
    whet_status status = WHET_OK;
    const whet_shape shape = per_channel ? WHET_SHAPE(n) : (whet_shape){.rank = 0};
    whet_tensor_init(&scale);
    whet_tensor_init(&zero);
    WHET_GOTO(tf_nhwc(r, w, 0, &x));
    WHET_GOTO(whet_tensor_alloc(&scale, WHET_F32, &shape));
    WHET_GOTO(whet_tensor_alloc(&zero, q->t, &shape));
    for (int i = 0; i < n; i++) {
        float step = 0;
        double at = 0, low = min ? whet_tensor_get_f64(min, i) : one_min, high = max ? whet_tensor_get_f64(max, i) : one_max;
        nudge(low, high, q, &step, &at);
        if (!(step > 0) || !isfinite(step)) WHET_GOTO(tf_fail(w, WHET_EFORMAT, "the range %g to %g is empty", low, high));
        whet_tensor_set_f64(&scale, i, (double)step);
        whet_tensor_set_f64(&zero, i, at);
    }
    const whet_layout form = whet_nhwc_form(r->g, 1, (const whet_nhwc *const[]){x});
    const int rank = whet_nhwc_dims(r->g, x).rank;
    WHET_GOTO(whet_nhwc_get(r->g, x, form, &v));
    if ((q->low > 0 || (q->high != 255 && q->high != 65535)) && !per_channel) { /* fewer levels than the type has */
        whet_vid low = WHET_NO_VALUE, high = WHET_NO_VALUE;
        const whet_vid all = v;
        const double step = whet_tensor_get_f64(&scale, 0), at = whet_tensor_get_f64(&zero, 0);
        WHET_GOTO(tf_scalar(r, WHET_F32, (q->low - at) * step, &low));
        WHET_GOTO(tf_scalar(r, WHET_F32, (q->high - at) * step, &high));
        WHET_GOTO(tf_make(r, w, "Clip", WHET_IN(all, low, high), WHET_NO_ATTRS, &v));
    }
    WHET_GOTO(whet_graph_const(r->g, NULL, &scale, &s));
    WHET_GOTO(whet_graph_const(r->g, NULL, &zero, &z));
    const whet_attr axis = whet_attr_int("axis", rank > 0 ? whet_nhwc_axis(rank - 1, rank, form) : 0);
    WHET_GOTO(tf_make(r, w, "QuantizeLinear", WHET_IN(v, s, z), per_channel ? 1 : 0, &axis, &integer));
    status = tf_emit(r, w, "DequantizeLinear", WHET_IN(integer, s, z), per_channel ? 1 : 0, &axis, form);
done:
    whet_tensor_dispose(&scale);
    whet_tensor_dispose(&zero);
    return status;
}

whet_status tf_read_fake_quant_args(tf_reader *r, tf_work *w)
{
    levels q;
    WHET_TRY(levels_of(w, &q));
    return emit(r, w, &q, 1, false, NULL, NULL, (double)tf_attr_float(w, "min", -6), (double)tf_attr_float(w, "max", 6));
}

whet_status tf_read_fake_quant(tf_reader *r, tf_work *w)
{
    levels q;
    WHET_TRY(tf_need(w, 3));
    WHET_TRY(levels_of(w, &q));
    const whet_tensor *min = tf_const(r, w, 1), *max = tf_const(r, w, 2);
    if (!min || !max || min->dtype != WHET_F32 || max->dtype != WHET_F32 || whet_tensor_numel(min) != whet_tensor_numel(max) ||
        whet_tensor_numel(min) < 1 || whet_tensor_numel(min) > INT32_MAX)
        return tf_fail(w, WHET_EUNSUPPORTED, "the range must be constant; freeze the graph");
    const bool per_channel = strcmp(w->op, "FakeQuantWithMinMaxVarsPerChannel") == 0;
    if (!per_channel && whet_tensor_numel(min) != 1) return tf_fail(w, WHET_EFORMAT, "the range is no pair of numbers");
    if (per_channel && (q.low > 0 || (q.high != 255 && q.high != 65535)))
        return tf_fail(w, WHET_EUNSUPPORTED, "narrow ranges by channel are not handled");
    return emit(r, w, &q, (int)whet_tensor_numel(min), per_channel, min, max, 0, 0);
}
