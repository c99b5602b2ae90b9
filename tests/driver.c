/* A driver of the Edge TPU without one: it has the functions that TensorFlow Lite asks of an external delegate,
 * and libedgetpu's `edgetpu_version`. Built by driver.py, once for each thing that a driver may do:
 * -DGOOD, -DABSENT (no device), -DCRASHING, -DHANGING; -DVERSION is its runtime's.
 *
 * The good one replaces each `edgetpu-custom-op` and names the class by its input's brightness: from the
 * darkest (the first) to the brightest (the last). Values of further outputs grow with it, from 0 to 127.
 *
 * The structures are those of tensorflow/lite/core/c/common.h on 64-bit machines; what is not used is left out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION 14
#endif
#define TEXT(x) #x
#define NUMBER(x) TEXT(x)

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {
  int type;
  uint8_t *data;
  IntArray *dims;
  float scale;
  int32_t zero_point;
  int allocation_type;
  size_t bytes;
  void *rest[8];
} Tensor;

typedef struct {
  IntArray *inputs, *outputs;
  void *rest[8];
} Node;

typedef struct Context Context;

typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *rest[8];
} Registration;

typedef struct Delegate {
  void *data;
  int (*prepare)(Context *, struct Delegate *);
  void *copy_and_free[3];
  int64_t flags;
  void *rest[4];
} Delegate;

struct Context {
  size_t tensors_size;
  int (*get_execution_plan)(Context *, IntArray **);
  Tensor *tensors;
  void *implementation;
  void *resize_tensor, *report_error, *add_tensors;
  int (*get_node)(Context *, int, Node **, Registration **);
  int (*replace_nodes)(Context *, Registration, const IntArray *, Delegate *);
};

static int prepare_kernel(Context *context, Node *node) { return 0; }

static int invoke_kernel(Context *context, Node *node) {
  Tensor *input = &context->tensors[node->inputs->data[0]];
  Tensor *output = &context->tensors[node->outputs->data[0]];
  uint64_t sum = 0;
  for (size_t i = 0; i < input->bytes; i++) sum += (uint8_t)(input->data[i] ^ 0x80); /* int8 from -128 */
  memset(output->data, 0x80, output->bytes);
  output->data[sum * output->bytes / (input->bytes * 256)] = 0x7f;
  for (int k = 1; k < node->outputs->size; k++) {
    Tensor *further = &context->tensors[node->outputs->data[k]];
    memset(further->data, sum / (input->bytes * 2), further->bytes);
  }
  return 0;
}

static int prepare(Context *context, Delegate *delegate) {
  IntArray *plan;
  if (context->get_execution_plan(context, &plan)) return 1;
  IntArray *ours = calloc(plan->size + 1, sizeof(int));
  for (int i = 0; i < plan->size; i++) {
    Node *node;
    Registration *kernel;
    if (context->get_node(context, plan->data[i], &node, &kernel)) return 1;
    if (kernel->custom_name && !strcmp(kernel->custom_name, "edgetpu-custom-op"))
      ours->data[ours->size++] = plan->data[i];
  }
  Registration kernel = {0};
  kernel.prepare = prepare_kernel;
  kernel.invoke = invoke_kernel;
  kernel.custom_name = "StandIn";
  kernel.version = 1;
  int status = context->replace_nodes(context, kernel, ours, delegate);
  free(ours);
  return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
#ifdef ABSENT
  return NULL;
#endif
#ifdef CRASHING
  *(volatile int *)16 = 0;
#endif
#ifdef HANGING
  for (;;) pause();
#endif
  for (size_t i = 0; i < count; i++)
    if (!strcmp(keys[i], "device") && strcmp(values[i], "usb")) {
      report("it has one device, on USB");
      return NULL;
    }
  Delegate *delegate = calloc(1, sizeof(Delegate));
  delegate->prepare = prepare;
  delegate->flags = 1; /* AllowDynamicTensors, as libedgetpu: else the custom operator is prepared without it */
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }

const char *edgetpu_version(void) {
  return "BuildLabel(COMPILER=stand-in,DATE=redacted), RuntimeVersion(" NUMBER(VERSION) ")";
}
