/* SPDX-License-Identifier: Apache-2.0 */
/* Body of group_norm_ref.c for element type T, names through FN(). Included twice, so no guard. */

static void FN(norm_run_stats)(const whet_norm_run *r, const T *x, double *mean, double *invstd)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; r->center && i < r->n; i++) sum += (double)x[i];
    *mean = sum / (double)r->n;
    for (int64_t i = 0; i < r->n; i++) square += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *invstd = 1 / sqrt(square / (double)r->n + r->epsilon);
}

void FN(norm_run)(const whet_norm_run *r, const T *x, const T *scale, const T *bias, T *y, double *mean, double *invstd)
{
    FN(norm_run_stats)(r, x, mean, invstd);
    for (int64_t i = 0; i < r->n; i++) {
        const double v = ((double)x[i] - *mean) * *invstd * (double)scale[i / r->every];
        y[i] = (T)(bias != 0 ? v + (double)bias[i / r->every] : v);
    }
}

void FN(norm_run_grad)(const whet_norm_run *r, const T *dy, const T *x, const T *scale, T *dx)
{
    double mean, invstd, sum = 0, dot = 0;
    FN(norm_run_stats)(r, x, &mean, &invstd);
    for (int64_t i = 0; i < r->n; i++) {
        const double g = (double)dy[i] * (double)scale[i / r->every];
        sum += r->center ? g : 0;
        dot += g * ((double)x[i] - mean) * invstd;
    }
    for (int64_t i = 0; i < r->n; i++) {
        const double g = (double)dy[i] * (double)scale[i / r->every], xhat = ((double)x[i] - mean) * invstd;
        dx[i] = (T)(invstd * (g - sum / (double)r->n - xhat * dot / (double)r->n));
    }
}

void FN(norm_run_grad_scale)(const whet_norm_run *r, const T *dy, const T *x, double *diff_scale, double *diff_bias)
{
    double mean, invstd;
    FN(norm_run_stats)(r, x, &mean, &invstd);
    for (int64_t i = 0; i < r->n; i++) {
        diff_scale[i / r->every] += (double)dy[i] * ((double)x[i] - mean) * invstd;
        diff_bias[i / r->every] += (double)dy[i];
    }
}

/* Sum over the window of channels around c of x^2 at position p. */
static double FN(lrn_squares)(const whet_lrn *l, const T *x, int64_t c, int64_t p)
{
    const int64_t lo = c - (l->size - 1) / 2, hi = c + l->size / 2;
    double sum = 0;
    for (int64_t i = lo < 0 ? 0 : lo; i <= hi && i < l->channels; i++)
        sum += (double)x[i * l->positions + p] * (double)x[i * l->positions + p];
    return l->bias + l->alpha / (double)l->size * sum;
}

void FN(lrn_image)(const whet_lrn *l, const T *x, T *y)
{
    for (int64_t c = 0; c < l->channels; c++)
        for (int64_t p = 0; p < l->positions; p++)
            y[c * l->positions + p] = (T)((double)x[c * l->positions + p] * pow(FN(lrn_squares)(l, x, c, p), -l->beta));
}

/* dx_i = dy_i s_i^-beta - 2 alpha beta / size * x_i * sum over the windows c that hold i of dy_c x_c s_c^(-beta-1). */
void FN(lrn_grad_image)(const whet_lrn *l, const T *dy, const T *x, T *dx)
{
    for (int64_t i = 0; i < l->channels; i++)
        for (int64_t p = 0; p < l->positions; p++) {
            const int64_t lo = i - l->size / 2, hi = i + (l->size - 1) / 2, at = i * l->positions + p;
            double back = 0;
            for (int64_t c = lo < 0 ? 0 : lo; c <= hi && c < l->channels; c++)
                back += (double)dy[c * l->positions + p] * (double)x[c * l->positions + p] *
                        pow(FN(lrn_squares)(l, x, c, p), -l->beta - 1);
            dx[at] = (T)((double)dy[at] * pow(FN(lrn_squares)(l, x, i, p), -l->beta) -
                         2 * l->alpha * l->beta / (double)l->size * (double)x[at] * back);
        }
}
