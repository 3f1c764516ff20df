import { type OutgoingHttpHeaders, request } from 'node:http'
import { onTestFinished } from 'vitest'

/** Listens to server-sent events; cut off after the test. */
export const listenTo = (url: string, headers: OutgoingHttpHeaders = {}) =>
  new Promise<{ readonly status: number; text(): string; readonly ended: Promise<void> }>((resolve, reject) => {
    const sent = request(url, { agent: false, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      const ended = new Promise<void>((done) => response.on('close', () => done()).on('error', () => {}))
      resolve({ status: response.statusCode ?? 0, text: () => text, ended })
    })
    sent.on('error', reject).end()
    onTestFinished(() => void sent.destroy())
  })

/** The events of a stream's text: name to payload. */
export const eventsIn = (text: string): readonly (readonly [string, unknown])[] =>
  [...text.matchAll(/^event: (.+)\ndata: (.+)\n\n/gm)].map(([, name = '', data = '']) => [name, JSON.parse(data)])
