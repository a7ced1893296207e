#include "inbox/sqlite/read_jobs.h"

#include "base/container_of.h"

/* Reads */

static void read_work(struct worker_job *job)
{
    struct inbox_read *read = container_of(job, struct inbox_read, job);
    struct read_jobs *jobs = job->data;

    read->error = reader_read(jobs->reader, read, &read->why);
}

static void read_done(struct worker_job *job)
{
    struct inbox_read *read = container_of(job, struct inbox_read, job);
    struct read_jobs *jobs = job->data;

    if (read->error == 0 && reader_names(jobs->inbox, read) != 0) {
        reader_free(read);
        read->error =
            reason_set(&read->why, HAPLO_ENOMEM, "out of memory for names");
    }
    read->read_cb(read, read->error, read->error != 0 ? read->why.text : "");
}

void read_jobs_read(struct read_jobs *jobs, struct inbox_read *read)
{
    read->job = (struct worker_job){
        .work_cb = read_work, .done_cb = read_done, .data = jobs};
    worker_submit(jobs->helper, &read->job);
}

/* Requests */

static void outlet_work(struct worker_job *job)
{
    struct read_jobs *jobs = job->data;

    reader_outlet(jobs->reader,
                  container_of(job, struct inbox_outlet_request, job));
}

static void lanes_work(struct worker_job *job)
{
    struct read_jobs *jobs = job->data;

    reader_lanes(jobs->reader,
                 container_of(job, struct inbox_outlet_request, job));
}

static void request_done(struct worker_job *job)
{
    struct inbox_outlet_request *request =
        container_of(job, struct inbox_outlet_request, job);

    reader_lane_names(request);
    request->done_cb(request);
}

static void request_submit(struct read_jobs *jobs,
                           struct inbox_outlet_request *request,
                           worker_job_cb work_cb)
{
    request->job = (struct worker_job){
        .work_cb = work_cb, .done_cb = request_done, .data = jobs};
    worker_submit(jobs->helper, &request->job);
}

void read_jobs_outlet(struct read_jobs *jobs,
                      struct inbox_outlet_request *request)
{
    request_submit(jobs, request, outlet_work);
}

void read_jobs_lanes(struct read_jobs *jobs,
                     struct inbox_outlet_request *request)
{
    request_submit(jobs, request, lanes_work);
}
