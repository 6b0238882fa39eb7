const video = () => element.querySelector('video')
const told = name => parseFloat(element.querySelector('.d-stage').dataset[name])
const number = (button, name) => parseFloat(button.dataset[name])
const control = name => element.querySelector(`[data-do="${name}"]`)
let slow = null

function stop() {
  slow = null
  video().pause()
  video().playbackRate = 1
}

function seek(seconds) {
  video().currentTime = Math.min(Math.max(seconds, 0), told('seconds'))
}

function choose(chosen) {
  stop()
  for (const button of element.querySelectorAll('[data-event]'))
    button.setAttribute('aria-pressed', button.dataset.event === chosen.dataset.event)
  control('slow').disabled = false
  control('slow').dataset.onset = chosen.dataset.onset
  control('slow').dataset.offset = chosen.dataset.offset
  seek(number(chosen, 'apex'))
}

function step(frames) {
  stop()
  seek((Math.floor(video().currentTime * told('rate') + 0.01) + frames + 0.5) / told('rate'))
}

const actions = {
  play() {
    if (!video().paused) return stop()
    stop()
    video().play()
  },
  slow(button) {
    stop()
    slow = number(button, 'offset') + 0.1
    seek(number(button, 'onset') - 0.1)
    video().playbackRate = 0.15
    video().play()
  },
  back: () => step(-1),
  on: () => step(1),
}

function follow() {
  if (!element.isConnected) return
  requestAnimationFrame(follow)
  if (!element.querySelector('.d-stage')) return
  const time = video().currentTime
  if (slow !== null && time >= slow) stop()
  element.querySelector('.d-head').style.left = `${100 * Math.min(time / told('seconds'), 1)}%`
  element.querySelector('.d-time').textContent = `${time.toFixed(2)} s`
  control('play').textContent = video().paused ? 'Play' : 'Pause'
}

element.addEventListener('click', event => {
  const near = what => event.target.closest(what)
  const chosen = near('[data-event]'), jump = near('[data-seek]'), button = near('[data-do]'), plot = near('[data-plot]')
  if (chosen) {
    choose(chosen)
    trigger('select', { index: parseInt(chosen.dataset.event), value: chosen.dataset.event })
  } else if (jump) {
    stop()
    seek(number(jump, 'apex'))
  } else if (button) {
    actions[button.dataset.do](button)
  } else if (plot) {
    const box = plot.getBoundingClientRect()
    stop()
    seek((event.clientX - box.left) / box.width * told('seconds'))
  }
})

element.addEventListener('keydown', event => {
  const from = event.target.closest('[data-event]')
  const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
  if (!from || !way) return
  const kind = from.classList.contains('d-mark') ? '.d-mark' : '.d-row'
  const to = element.querySelector(`${kind}[data-event="${parseInt(from.dataset.event) + way}"]`)
  if (!to) return
  event.preventDefault()
  to.focus()
  to.click()
})

function arrive() {
  slow = null
  const stage = element.querySelector('.d-stage')
  if (!stage) return
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
  stage.scrollIntoView({ behavior: calm ? 'auto' : 'smooth', block: 'start' })
  const first = element.querySelector('.d-row')
  if (first) choose(first)
}

watch('value', arrive)
arrive()
requestAnimationFrame(follow)
